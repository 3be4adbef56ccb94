"""The tables, their constraints and indexes; no rules.

Three kinds of columns hold what a person wrote or is: `*_hmac` (keyed look-up, HMAC-SHA256),
`sealed` (AES-GCM, see `storage.keys`), and the mixed answers, which belong to nobody. Everything
else must be free of them. Times are aware UTC (`UtcDateTime`).
"""

from __future__ import annotations

from storage.models.answers import Answer, AnswerFile, Cell, Response
from storage.models.base import Base, Digest, Id, UtcDateTime
from storage.models.installation import Alert, Audit, Checkpoint, DataKey, Installation
from storage.models.interviews import Attachment, Conversation, Inbound
from storage.models.outreach import Link, LinkDay, Mail, ReminderDay, Wave
from storage.models.people import (
    Address,
    AnsweredOnce,
    Consent,
    Contact,
    ContactBasis,
    DailyMark,
    OptOut,
    Window,
)
from storage.models.reports import (
    Coordinator,
    ProgressChange,
    ProgressCount,
    ProgressSnapshot,
    ReportLog,
    UnitQuestion,
)
from storage.models.rosters import (
    KnownHeading,
    MendingWalk,
    RosterChange,
    RosterDuplicate,
    RosterImport,
    RosterNumber,
    RosterQuality,
    RosterReject,
    RosterRow,
    SentFile,
    UploadLink,
)
from storage.models.sending import (
    Content,
    FirstWrite,
    Media,
    MediaLink,
    Outbox,
    Pace,
    Sender,
    SimulatorMessage,
    Template,
)
from storage.models.surveys import FlowVersion, Pilot, QuestionMedia, Survey, Target, Unit

__all__ = [
    "Address",
    "Alert",
    "Answer",
    "AnswerFile",
    "AnsweredOnce",
    "Attachment",
    "Audit",
    "Base",
    "Cell",
    "Checkpoint",
    "Consent",
    "Contact",
    "ContactBasis",
    "Content",
    "Conversation",
    "Coordinator",
    "DailyMark",
    "DataKey",
    "Digest",
    "FirstWrite",
    "FlowVersion",
    "Id",
    "Inbound",
    "Installation",
    "KnownHeading",
    "Link",
    "LinkDay",
    "Mail",
    "Media",
    "MediaLink",
    "MendingWalk",
    "OptOut",
    "Outbox",
    "Pace",
    "Pilot",
    "ProgressChange",
    "ProgressCount",
    "ProgressSnapshot",
    "QuestionMedia",
    "ReminderDay",
    "ReportLog",
    "Response",
    "RosterChange",
    "RosterDuplicate",
    "RosterImport",
    "RosterNumber",
    "RosterQuality",
    "RosterReject",
    "RosterRow",
    "Sender",
    "SentFile",
    "SimulatorMessage",
    "Survey",
    "Target",
    "Template",
    "Unit",
    "UnitQuestion",
    "UploadLink",
    "UtcDateTime",
    "Wave",
    "Window",
]
