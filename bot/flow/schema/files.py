"""Reading a flow file by its `kind`.

What does not fit becomes a `Problem` with its line, column and remedy; nothing in this folder knows
what a survey means.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.flow.schema.flow_file import FlowFile
from bot.flow.schema.messages_file import MessagesFile
from bot.flow.schema.shared_file import SharedFile
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.schema.validate import read_as
from bot.flow.source import FlowError, Source

AnyFile = SurveyFile | FlowFile | SharedFile | MessagesFile

KINDS: Mapping[str, type[AnyFile]] = {
    "survey": SurveyFile,
    "flow": FlowFile,
    "shared": SharedFile,
    "messages": MessagesFile,
}


def read_part(source: Source) -> AnyFile:
    """Return the file as its model. Raises FlowError with every problem found."""
    kind = source.data.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        what = f"unknown kind `{kind}`" if kind else "`kind` is missing"
        raise FlowError(
            [source.problem(("kind",), what, "survey, flow, shared or messages", rule="wrong-kind")]
        )
    return read_as(source, model)
