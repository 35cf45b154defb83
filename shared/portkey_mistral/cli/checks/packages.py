"""Whether the installed packages are those that this one needs."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

from portkey_mistral.cli.findings import Finding
from portkey_mistral.settings.connection import ConnectionSettings
from portkey_mistral.settings.state_url import is_redis

__all__ = ["Requirement", "check_extras", "check_versions", "requirements"]

_AREA = "versions"
_OURS = "portkey-mistral"
_FRAMEWORKS = {"langchain-core": "langchain", "llama-index-core": "llamaindex"}
# Shown without a requirement of ours, because reports of errors need them.
_OTHERS = ("langchain", "langgraph")
_OPTIONAL = {
    "tokens": ("mistral-common", "exact counts of tokens"),
    "ocr": ("pypdf", "the number of pages of PDF files before they are sent"),
    "sandbox": ("uvicorn", "the sandbox over HTTP"),
    "progress": ("tqdm", "progress bars in Python"),
    "otel": ("opentelemetry-api", "OpenTelemetry"),
    "parquet": ("pyarrow", "parquet files of `portkey-mistral embed`"),
}
_REQUIREMENT = re.compile(r'^([\w.-]+)(?:\[[^]]*\])?([^;]*)(?:;.*extra == ["\'](\w+)["\'])?')


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package with the versions that are accepted: from `lowest` on, and below `limit`. `extra` is "" if it is no extra's."""

    package: str
    lowest: str | None = None
    limit: str | None = None
    extra: str = ""


def requirements() -> Sequence[Requirement]:
    """Return what the metadata of this package requires."""
    return [_requirement(line) for line in metadata.requires(_OURS) or ()]


def check_versions(required: Sequence[Requirement] | None = None) -> Iterator[Finding]:
    """Report the versions of Python, of this package, and of what it builds on."""
    yield Finding(_AREA, "good", f"Python {platform.python_version()}")
    yield from filter(None, (_version(_OURS), *map(_version, _OTHERS)))
    for requirement in requirements() if required is None else required:
        if requirement.extra == _FRAMEWORKS.get(requirement.package, ""):
            yield from _check(requirement)
    if not any(map(_installed, _FRAMEWORKS)):
        yield Finding(
            _AREA,
            "note",
            "neither LangChain nor LlamaIndex is installed; portkey_mistral.Client works without them",
            f'pip install "{_OURS}[langchain]", or [llamaindex]',
        )


def check_extras(settings: ConnectionSettings, proxies: Sequence[str]) -> Iterator[Finding]:
    """Report what is missing for these settings, and which other extras are not installed."""
    if is_redis(settings.state) and not _installed("redis"):
        yield _missing("redis", "the state store is a Redis server")
    if any(proxy.lower().startswith("socks") for proxy in proxies) and not _installed("socksio"):
        yield _missing("socks", "the proxy speaks SOCKS")
    absent = {extra: use for extra, (package, use) in _OPTIONAL.items() if not _installed(package)}
    if absent:
        uses = "; ".join(f"{extra} ({use})" for extra, use in absent.items())
        yield Finding(
            "extras",
            "note",
            f"not installed: {uses}",
            f'where you need them: pip install "{_OURS}[{",".join(absent)}]"',
        )


def _missing(extra: str, why: str) -> Finding:
    return Finding(
        "extras",
        "bad",
        f"{why}, and the extra {extra!r} is not installed",
        f'pip install "{_OURS}[{extra}]"',
    )


def _check(requirement: Requirement) -> Iterator[Finding]:
    package = requirement.package
    installed = _installed(package)
    if installed is None:
        if requirement.extra:
            yield Finding(_AREA, "note", f"{package} is not installed")
        else:
            yield Finding(_AREA, "bad", f"{package} is not installed", f"pip install {package}")
        return
    low, limit = requirement.lowest, requirement.limit
    if low is not None and _numbers(installed) < _numbers(low):
        problem, cure = f"is too old: {low} or newer is needed", f'"{package}>={low}"'
    elif limit is not None and _numbers(installed) >= _numbers(limit):
        problem, cure = f"is too new: below {limit} is needed", f'"{package}<{limit}"'
    else:
        yield Finding(_AREA, "good", f"{package} {installed}")
        return
    yield Finding(_AREA, "bad", f"{package} {installed} {problem}", f"pip install -U {cure}")


def _version(package: str) -> Finding | None:
    installed = _installed(package)
    return None if installed is None else Finding(_AREA, "good", f"{package} {installed}")


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _requirement(line: str) -> Requirement:
    found = _REQUIREMENT.match(line)
    if found is None:
        return Requirement(line)
    package, versions, extra = found.groups()
    bounds = {
        sign: clause[len(sign) :]
        for clause in map(str.strip, versions.strip("() ").split(","))
        for sign in (">=", "<")
        if clause.startswith(sign)
    }
    return Requirement(package, bounds.get(">="), bounds.get("<"), extra or "")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a release, padded so that 1.6 equals 1.6.0; what follows them (rc1, .dev0) is left out."""
    release = re.match(r"[\d.]+", version)
    numbers = [int(part) for part in (release[0] if release else "").split(".") if part]
    return (*numbers, 0, 0, 0, 0)[:4]
