"""CloudWatch's JSON, good, odd and hostile: a dashboard always comes out, and what is left out is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.dashboards import body, text
from monitoring.dashboards.classic import Balancer, translated
from monitoring.dashboards.definition import Dashboard, Widget

BALANCERS = {"shop": Balancer("app/shop/0123456789abcdef", ("targetgroup/back/1111111111111111", "targetgroup/front/2222222222222222"))}


def read(*widgets: Any, **more: Any) -> Dashboard:
    return body.read("shop", json.dumps({"widgets": list(widgets), **more}))


def metric(*metrics: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"region": "eu-west-3", "metrics": list(metrics), **properties}}


def one(*metrics: Any, **properties: Any) -> Widget:
    (widget,) = read(metric(*metrics, **properties)).widgets
    return widget


def test_the_shorthand_of_metrics_is_spelled_out() -> None:
    widget = one(
        ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "prod", {"label": "CPU", "stat": "Maximum", "period": 60}],
        [".", "DatabaseConnections", ".", "."],
        ["...", "preprod", {"yAxis": "right", "visible": False}],
        stat="Average",
        period=300,
    )
    assert [(line.metric, line.dimensions["DBInstanceIdentifier"], line.statistic, line.period) for line in widget.lines] == [
        ("CPUUtilization", "prod", "Maximum", 60),
        ("DatabaseConnections", "prod", "Average", 300),
        ("DatabaseConnections", "preprod", "Average", 300),
    ]
    assert [line.label for line in widget.shown] == ["CPU", "DatabaseConnections prod"]
    assert widget.lines[2].right
    assert widget.said == ()


def test_expressions_name_the_lines_of_their_own_widget() -> None:
    of = ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", "app/shop/1"]
    share = {"expression": "100 * m2 / SUM(METRICS())", "label": "share", "id": "e1"}
    searched = {"expression": "SEARCH('{AWS/EC2,InstanceId} m1', 'Average', 60) + SUM(METRICS('m2'))"}
    first, second = read(metric([*of, {"id": "m1"}], [*of, {"id": "m2"}], [share]), metric([*of, {"id": "m2"}], [searched])).widgets
    assert first.lines[2].expression == "100 * w0_1 / SUM([w0_0, w0_1])"
    assert second.lines[1].expression == "SEARCH('{AWS/EC2,InstanceId} m1', 'Average', 60) + SUM([w1_0])"


def test_views_axes_and_annotations() -> None:
    widget = one(
        ["N", "M"],
        view="gauge",
        yAxis={"left": {"min": 0, "max": 100, "label": "percent"}},
        annotations={
            "horizontal": [{"value": 70, "label": "high", "fill": "above"}, [{"value": 1}, {"value": 2}], {"value": 9, "visible": False}],
            "vertical": [{"value": "2026-11-24T02:00:00Z", "label": "release"}],
        },
    )
    assert (widget.view, widget.left.low, widget.left.high, widget.left.label) == ("gauge", 0, 100, "percent")
    assert [(mark.value, mark.until, mark.time, mark.fill) for mark in widget.marks] == [
        (70, None, "", "above"),
        (1, 2, "", "none"),
        (None, None, "2026-11-24T02:00:00Z", "none"),
    ]
    assert one(["N", "M"], view="gauge").said == ("A gauge needs yAxis.left.min and max: shown as a number.",)
    assert one(["N", "M"], stacked=True).stacked


def test_text_and_alarm_widgets() -> None:
    arn = "arn:aws:cloudwatch:eu-west-3:123456789012:alarm:DLM-Lan: status"
    words, alarms = read(
        {"type": "text", "properties": {"markdown": "# Shop"}},
        {"type": "alarm", "properties": {"alarms": [arn, "nonsense"], "title": "All"}},
    ).widgets
    assert (words.kind, words.markdown) == ("text", "# Shop")
    assert alarms.alarms == ("DLM-Lan: status",)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "has no list of widgets"),
        ('{"widgets": 3}', "has no list of widgets"),
        (json.dumps({"widgets": [], "pad": "x" * 1_000_001}), "at most 1000000 are read"),
    ],
)
def test_what_is_no_dashboard_is_said(broken: str, said: str) -> None:
    found = body.read("shop", broken)
    assert found.widgets == ()
    assert said in found.said[0]


@pytest.mark.parametrize(
    ("widget", "said"),
    [
        ("nonsense", "it is no widget"),
        ({"type": "log", "properties": {}}, "a widget of the kind “log”"),
        ({"type": {"a": 1}}, "a widget of the kind “none”"),
        (metric(), "It has no metric that can be drawn."),
        (metric("M"), "Metric 1 is left out: it is no list."),
        (metric([".", "M"]), "Metric 1 is left out: it repeats what is not above it."),
        (metric(["N", "M", "Dimension"]), "Metric 1 is left out: a metric is a namespace, a name, and pairs of dimension and value."),
        (metric(["N", "M", {"accountId": "1"}]), "Metric 1 is left out: it is of another account."),
        (metric([{"expression": ""}]), "Metric 1 is left out: its expression is empty."),
        (metric(["N", "M"], view="pie"), "Drawn as lines: the view “pie” is not drawn here."),
        (metric(["N", "M"], yAxis={"left": {"min": 5, "max": 1}}), "The axis ends below where it begins"),
        (metric(["N", "M"], annotations={"horizontal": [{"label": "x"}, 3]}), "An annotation has neither a number nor a time"),
    ],
)
def test_what_is_not_drawn_is_said_of_its_widget_and_the_rest_is_drawn(widget: Any, said: str) -> None:
    bad, good = read(widget, metric(["N", "M"]) | {"y": 9}).widgets
    assert said in " ".join(bad.said)
    assert [line.metric for line in good.shown] == ["M"]
    assert good.said == ()


def test_ten_thousand_widgets_are_bounded() -> None:
    found = read(*[metric(["N", "M"])] * 10_000)
    assert len(found.widgets) == 500
    assert "It has 10000 widgets" in found.said[0]
    crowded = read(*[metric(*[["N", "M"]] * 600)] * 6)
    assert sum(len(widget.lines) for widget in crowded.widgets) == 2500
    assert "at most 2500 metrics" in crowded.widgets[-1].said[0]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from([".", "...", "metric", "alarm", "text"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "metrics", "annotations", "horizontal", "yAxis", "left", "expression", "period", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(_JSON)
def test_nothing_breaks_the_reader(raw: Any) -> None:
    translated(body.read("any", json.dumps({"widgets": [raw, {"type": "metric", "properties": raw}]})), BALANCERS)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://elsewhere.example/pixel.png)",
        '<a href="//elsewhere.example">x</a>',
    ],
)
def test_markdown_can_do_nothing(hostile: str) -> None:
    found = text.html(hostile)
    assert not any(each in found for each in ("<script", "<img", 'href="javascript', 'href="data', 'href="//'))


def test_markdown_is_drawn() -> None:
    assert text.html("# Shop\n[alarms](https://www.client.url/)") == '<h1>Shop</h1>\n<p><a href="https://www.client.url/">alarms</a></p>\n'


# -- Classic names


def test_classic_names_are_translated_and_marked() -> None:
    of = ("LoadBalancerName", "shop")
    names = ["RequestCount", "Latency", "HTTPCode_Backend_5XX", "EstimatedALBActiveConnectionCount", "EstimatedProcessedBytes"]
    (widget,) = translated(read(metric(*[["AWS/ELB", name, *of] for name in names])), BALANCERS).widgets
    assert [(line.namespace, line.metric, line.dimensions) for line in widget.lines] == [
        ("AWS/ApplicationELB", name, {"LoadBalancer": "app/shop/0123456789abcdef"})
        for name in ("RequestCount", "TargetResponseTime", "HTTPCode_Target_5XX_Count", "ActiveConnectionCount", "ProcessedBytes")
    ]
    assert [line.translated_from for line in widget.lines] == [f"AWS/ELB {name}" for name in names]
    assert widget.is_translated
    assert "its sum is the number of connections" in widget.said[0]


def test_hosts_are_counted_over_all_target_groups_by_cloudwatch_itself() -> None:
    (widget,) = translated(read(metric(["AWS/ELB", "HealthyHostCount", "LoadBalancerName", "shop"])), BALANCERS).widgets
    back, front, total = widget.lines
    assert back.dimensions == {"TargetGroup": "targetgroup/back/1111111111111111", "LoadBalancer": "app/shop/0123456789abcdef"}
    assert not back.visible
    assert not front.visible
    assert total.expression == f"SUM([{back.key}, {front.key}])"
    assert widget.shown == (total,)


def test_a_classic_name_that_nothing_has_stays_and_is_said() -> None:
    (widget,) = translated(
        read(metric(["AWS/ELB", "Latency", "LoadBalancerName", "old"], ["AWS/ELB", "SurgeQueueLength", "LoadBalancerName", "shop"])),
        BALANCERS,
    ).widgets
    assert [line.metric for line in widget.lines] == ["Latency", "SurgeQueueLength"]
    assert "no Application Load Balancer has that name (there is shop)" in widget.said[0]
    assert "has nothing like it" in widget.said[1]
