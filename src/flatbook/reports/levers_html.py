def render_levers(report):
    return ""
