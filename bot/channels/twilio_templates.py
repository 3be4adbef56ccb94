"""WhatsApp templates in Twilio's Content API: a content is a template once it is approved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.channels.base import KnownTemplate, SendError, TemplateForm, TemplateState
from bot.channels.twilio_content import Contents

SUBMITTED_BEFORE = 92009
_NOT_FOUND = 20404


class TwilioTemplates:
    """The templates of one Twilio account. All methods raise SendError."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def every(self) -> list[KnownTemplate]:
        """List the account's contents, whatever they are for."""
        return [KnownTemplate(one.id, one.name, one.language) for one in self._contents.every()]

    def make(self, form: TemplateForm) -> str:
        """Make a content and return its id (HX…). Asked twice it makes two: that costs nothing."""
        samples = {str(place): sample for place, sample in enumerate(form.samples, start=1)}
        return self._contents.create(form.name, form.language, _types(form), samples)

    def submit(self, template_id: str, form: TemplateForm) -> None:
        """Ask WhatsApp to approve it; one that was submitted before is left as it is."""
        try:
            self._contents.submit(template_id, form.name, form.category)
        except SendError as error:
            if error.code != SUBMITTED_BEFORE:
                raise

    def state(self, template_id: str) -> TemplateState:
        """Return what has become of it."""
        try:
            found = self._contents.approval(template_id)
        except SendError as error:
            if error.code == _NOT_FOUND:
                return TemplateState("gone")
            raise
        return TemplateState(found.status.lower(), found.category, found.reason)

    def delete(self, template_id: str) -> None:
        """Delete a content."""
        self._contents.delete(template_id)


def _types(form: TemplateForm) -> Mapping[str, Any]:
    if not form.buttons:
        return {"twilio/text": {"body": form.body}}
    actions = [{"title": one.label, "id": one.value} for one in form.buttons]
    return {"twilio/quick-reply": {"body": form.body, "actions": actions}}
