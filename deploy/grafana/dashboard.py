"""The panels as Grafana reads them, through its own SDK."""

from itertools import count

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.builders.common import StackingConfig, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

from deploy.grafana.panels import ROWS, Panel

_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_WIDTH, _HEIGHT = 8, 8  # of a panel; a row of the page is 24 wide


def as_json() -> str:
    """The dashboard, to be imported by hand or provisioned."""
    made = (
        dashboard.Dashboard("Latent Farm")
        .uid("latent-farm")
        .tags(["latent-farm"])
        .editable()
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
        .with_variable(_choice("lane", "label_values(farm_lane_waiting_renders, lane)"))
        .with_variable(_choice("pool", "label_values(farm_pool_info, pool)"))
    )
    numbers = count(1)
    for title, panels in ROWS.items():
        made.with_row(dashboard.Row(title).id(next(numbers)))
        for panel in panels:
            made.with_panel(_panel(panel).id(next(numbers)))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _choice(name: str, query: str) -> dashboard.QueryVariable:
    """Some or all values of a label."""
    return (
        dashboard.QueryVariable(name)
        .query(query)
        .datasource(_SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _panel(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.about)
        .unit(panel.unit)
        .datasource(_SOURCE)
        .span(_WIDTH)
        .height(_HEIGHT)
        .min(0)
        .fill_opacity(10)
        .legend(
            VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if panel.stacked:
        made.stacking(StackingConfig().mode(StackingMode.NORMAL))
    for number, (question, legend) in enumerate(panel.questions):
        made.with_target(
            prometheus.Dataquery()
            .expr(question)
            .legend_format(legend)
            .datasource(_SOURCE)
            .ref_id(chr(ord("A") + number))
        )
    return made
