"""Can what is configured to answer be used, and which models that can be fetched are here?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.catalog import catalog
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject
from voicechat.models import hub
from voicechat.models.published import MODELS

OF_A_CASCADE = ("asr", "llm", "tts")  # no other engine is made of parts


def probe_parts(subject: Subject) -> Iterator[Finding]:
    """Look at each part that a talk with these settings would use."""
    needs = {(entry.kind, entry.name): entry.needs for entry in catalog()}
    engine = subject.parts.get("engine", "cascade")
    kinds = ("engine", "vad", *(OF_A_CASCADE if engine == "cascade" else ()))
    used = {kind: subject.parts[kind] for kind in kinds if kind in subject.parts}
    lacking = {
        f"{kind} {name}": needs.get((kind, name), f"no {kind} is called {name!r}") for kind, name in used.items()
    }
    lacking = {what: need for what, need in lacking.items() if need}
    named = ", ".join(used.values())
    if not used:
        yield Finding("parts", Status.SKIPPED, "needs: config")
    elif lacking:
        detail = f"{', '.join(lacking)} cannot be used yet"
        yield Finding("parts", Status.FAIL, detail, "; ".join(dict.fromkeys(lacking.values())), used)
    else:
        yield Finding("parts", Status.OK, f"{named}: all there", values=used)


def probe_models(_subject: Subject) -> Iterator[Finding]:
    """Look which models are here; none is needed unless a part needs it."""
    found = {name: hub.find(model, hub.models_folder()) for name, model in MODELS.items()}
    here = [name for name, one in found.items() if one.whole]
    in_part = [name for name, one in found.items() if one.n_files and not one.whole]
    absent = [name for name, one in found.items() if not one.n_files]
    values = {name: name in here for name in MODELS}
    described = [
        f"{', '.join(names)} {state}"
        for names, state in ((here, "here"), (in_part, "in part"), (absent, "not fetched"))
        if names
    ]
    if in_part:
        fix = "; ".join(f"voicechat models pull {name}" for name in in_part)
        yield Finding("models", Status.WARN, "; ".join(described), fix, values)
    else:
        yield Finding("models", Status.OK, "; ".join(described) or "none can be fetched", values=values)
