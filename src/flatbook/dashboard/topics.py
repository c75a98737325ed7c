"""What the stream can tell: one line a topic. Text behind the colon of a topic goes to its view."""

from flatbook.dashboard.stream import View
from flatbook.dashboard.views.anatomy import anatomy_frame
from flatbook.dashboard.views.capital import capital_frame
from flatbook.dashboard.views.desk import desk_frame
from flatbook.dashboard.views.head import head_frame
from flatbook.dashboard.views.hedges import hedges_frame
from flatbook.dashboard.views.klass import class_frame
from flatbook.dashboard.views.limits import limits_frame
from flatbook.dashboard.views.obligations import duty_frame, obligations_frame
from flatbook.dashboard.views.residual import residual_frame
from flatbook.dashboard.views.surface import surface_frame

TOPICS: dict[str, View] = {
    "head": lambda snapshot, _: head_frame(snapshot),
    "desk": lambda snapshot, _: desk_frame(snapshot),
    "class": class_frame,
    "series": anatomy_frame,
    "surface": surface_frame,
    "obligations": lambda snapshot, _: obligations_frame(snapshot),
    "duty": duty_frame,
    "hedges": lambda snapshot, _: hedges_frame(snapshot),
    "limits": limits_frame,
    "capital": lambda snapshot, _: capital_frame(snapshot),
    "residual": lambda snapshot, _: residual_frame(snapshot),
}
