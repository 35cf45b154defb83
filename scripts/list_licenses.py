"""Print the table of docs/licenses.md: what each extra installs here, and under which licence.

Run it with the Python of an environment that holds portkey-mistral[all,parquet,ray,socks] and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

US = "portkey-mistral"
CORE = "core"
# Names that older metadata has for a licence of the SPDX list. "BSD" is what some packages leave it at.
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Academic Free License (AFL)": "AFL-2.1",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def main() -> None:
    print("| package | licence | extras |\n|---|---|---|")
    for name, extras in installed_by_extra().items():
        print(f"| {name} | {license_of(distribution(name))} | {', '.join(extras) or CORE} |")


def installed_by_extra() -> dict[str, list[str]]:
    """Return every dependency with the extras that bring it, and none of them where the core needs it."""
    ours = distribution(US).metadata.get_all("Provides-Extra") or []
    core = dependencies(US, "")
    found: dict[str, list[str]] = {name: [] for name in core}
    for extra in sorted(set(ours) - {"all"}):
        for name in dependencies(US, extra) - core:
            found.setdefault(name, []).append(extra)
    return dict(sorted(found.items()))


def dependencies(name: str, extra: str) -> set[str]:
    """Return the names of all that a package with an extra needs, directly or not, on this Python and system.

    What is not installed is left out: the extra is not installed, or another extra of the same package needs it.
    """
    found: set[tuple[str, str]] = set()
    remaining = [(name, extra)]
    while remaining:
        one = remaining.pop()
        if one not in found:
            found.add(one)
            remaining += requirements(*one)
    return {each for each, _ in found if installed(each)} - {name}


def requirements(name: str, extra: str) -> Iterator[tuple[str, str]]:
    for text in getattr(installed(name), "requires", None) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            for wanted in ("", *requirement.extras):
                yield canonicalize_name(requirement.name), wanted


def installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def license_of(package: Distribution) -> str:
    """Return the licence in the words of SPDX: what the package declares first, else what its classifiers say."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    # Some write the whole text into the field. Its first line is the name, or the copyright.
    first, *_ = [*(metadata.get("License") or "").strip().splitlines(), ""]
    if first and first not in ("UNKNOWN", "BSD") and not first.startswith("Copyright"):
        return SPDX.get(first, first)
    classifiers = metadata.get_all("Classifier") or []
    names = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License")]
    return " AND ".join(SPDX.get(name, name) for name in names) or "not stated"


def names_in(expression: str) -> set[str]:
    """Return the licences that an SPDX expression names."""
    return set(re.split(r" AND | OR |[()]", expression)) - {""}


if __name__ == "__main__":
    main()
