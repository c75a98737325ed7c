"""What the stream can tell: one line a topic. Text behind the colon of a topic goes to its view."""

from flatbook.dashboard.stream import View
from flatbook.dashboard.views.anatomy import anatomy_frame
from flatbook.dashboard.views.desk import desk_frame
from flatbook.dashboard.views.head import head_frame
from flatbook.dashboard.views.klass import class_frame

TOPICS: dict[str, View] = {
    "head": lambda snapshot, _: head_frame(snapshot),
    "desk": lambda snapshot, _: desk_frame(snapshot),
    "class": class_frame,
    "series": anatomy_frame,
}
