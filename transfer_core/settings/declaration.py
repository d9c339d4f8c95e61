"""How a setting is declared in its field's metadata: label, help, unit, bounds, line of code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from transfer_core.languages import N_, _

Scope = Literal["head", "more", "both"]

_BOUND_WORDS = {
    "gt": N_("more than {bound:,}"),
    "ge": N_("at least {bound:,}"),
    "lt": N_("less than {bound:,}"),
    "le": N_("at most {bound:,}"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """How people see one setting; it stands in the metadata of a dataclass field."""

    label: str  # on the Train page and in the report
    help: str  # what it does, in a sentence or two
    code: str  # the PyTorch line it becomes; {} stands for its value
    unit: str = ""
    step: float = 1  # by which a click changes it
    decimals: int = 0  # digits shown after the point
    applies_to: Scope = "both"  # runs that train the head only, runs that train more, or both

    def applies(self, head_only: bool) -> bool:
        """Whether the setting has an effect on a run."""
        return self.applies_to in ("both", "head" if head_only else "more")


@dataclass(frozen=True, slots=True)
class SettingField:
    """A declared field of a settings dataclass."""

    name: str
    type: type  # bool, int or float
    setting: Setting
    bounds: dict[str, float]  # by "gt", "ge", "lt" or "le", as annotated-types names them

    @property
    def option(self) -> str:
        """The option of the command line, such as "--learning-rate"."""
        return "--" + self.name.replace("_", "-")

    @property
    def minimum(self) -> float | int:
        """The smallest value that a person can type: with the decimals shown, inside the bounds."""
        if "gt" in self.bounds:
            return self._round(self.bounds["gt"] + 10.0**-self.setting.decimals)
        return self.type(self.bounds["ge"])

    @property
    def maximum(self) -> float | int:
        """The largest value that a person can type."""
        if "lt" in self.bounds:
            return self._round(self.bounds["lt"] - 10.0**-self.setting.decimals)
        return self.type(self.bounds["le"])

    def format(self, value: object) -> str:
        """A value in words, with its unit: "0.001", "64 images", "yes"."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        number = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{number} {self.setting.unit}".rstrip()

    def render_code(self, value: object) -> str:
        """The PyTorch line that a value becomes."""
        return self.setting.code.format(value)

    def _round(self, value: float) -> float | int:
        return self.type(round(value, self.setting.decimals))


def list_settings(settings: type) -> tuple[SettingField, ...]:
    """The declared settings of a dataclass, in the order of its fields."""
    return tuple(_iter_declared(get_type_hints(settings, include_extras=True)))


def _iter_declared(hints: dict[str, Any]) -> Iterator[SettingField]:
    for name, hint in hints.items():
        # An optional setting is declared in the first part of `Annotated[...] | None`.
        annotated = next((h for h in (hint, *get_args(hint)) if get_origin(h) is Annotated), None)
        for each in getattr(annotated, "__metadata__", ()):
            if isinstance(each, Setting):
                yield SettingField(name, annotated.__origin__, each, read_bounds(annotated))


def read_bounds(hint: Any) -> dict[str, float]:
    """The bounds of a number in a type such as `Annotated[int, Field(ge=1, le=9)]`.

    Args:
        hint: The type of a field.

    Returns:
        Limits by "gt", "ge", "lt" or "le"; empty if the type has none.
    """
    limits = (
        limit
        for each in getattr(hint, "__metadata__", ())
        for limit in getattr(each, "metadata", ())
    )
    return {
        key: getattr(limit, key) for limit in limits for key in _BOUND_WORDS if hasattr(limit, key)
    }


def describe_bounds(hint: Any) -> str:
    """The allowed numbers in words: "a whole number, at least 1 and at most 9"; "" if unbounded."""
    bounds = read_bounds(hint)
    if not bounds:
        return ""
    number = _("a whole number") if hint.__origin__ is int else _("a number")
    words = [_(word, bound=bounds[key]) for key, word in _BOUND_WORDS.items() if key in bounds]
    if len(words) == 1:
        return f"{number}, {words[0]}"
    return _("{number}, {low} and {high}", number=number, low=words[0], high=words[1])
