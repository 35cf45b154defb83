"""A signature that is kept is the one that would be worked out."""

from __future__ import annotations

import copy
import pickle
from inspect import Parameter, Signature, signature

from portkey_mistral.signatures import with_signature


def plain(self: object, first: int, *rest: int, last: str = "z", **others: object) -> list[int]:
    return [first, *rest]


@with_signature
def kept(self: object, first: int, *rest: int, last: str = "z", **others: object) -> list[int]:
    return [first, *rest]


class Plain:
    method = plain


class Kept:
    method = kept


class Derived(Kept):
    pass


def test_functions_and_methods_have_their_own_signature() -> None:
    assert signature(kept) == signature(plain)
    for cls in (Kept, Derived):
        assert signature(cls.method) == signature(Plain.method)
        assert signature(cls().method) == signature(Plain().method)
    assert "self" not in signature(Kept().method).parameters


def test_a_methods_signature_is_not_worked_out_again() -> None:
    assert signature(Kept().method) is signature(Derived().method)


def test_arguments_are_bound_as_ever() -> None:
    ours = signature(Kept().method).bind(1, 2, last="x", more=3)
    assert ours.arguments == signature(Plain().method).bind(1, 2, last="x", more=3).arguments


def test_it_can_be_changed_and_copied_like_any_signature() -> None:
    own: Signature = signature(kept)
    only = [Parameter("only", Parameter.POSITIONAL_ONLY)]
    assert own.replace(parameters=only) == signature(plain).replace(parameters=only)
    assert own.replace(return_annotation=int).return_annotation is int
    assert own.replace() == signature(plain)
    assert pickle.loads(pickle.dumps(own)) == copy.deepcopy(own) == signature(plain)
    assert pickle.loads(pickle.dumps(own)).replace(parameters=only).parameters.keys() == {"only"}
