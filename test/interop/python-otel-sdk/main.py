"""A small shop that tells of itself with OpenTelemetry's Python SDK: each signal once, the story that all senders of this
folder tell. Where to, how and with which certificates stands in the SDK's own variables (OTEL_EXPORTER_OTLP_*). Prints the
ids that the SDK drew."""

import json
import os

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

SCOPE = ("checkout", "1.2.0")
SCOPE_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
RESOURCE_SCHEMA = "https://opentelemetry.io/schemas/1.38.0"
TEAM = {"team": "a"}
SHOP = Resource(
    {"service.name": "shop", "service.version": "2.1", "host.cores": 4, "zones": ["a", "b"]}, schema_url=RESOURCE_SCHEMA
)


def at(ms: int) -> int:
    """Some milliseconds after the story begins, in nanoseconds."""
    return 1_700_000_000_100_000_000 + ms * 1_000_000


def trade(tracers: TracerProvider):
    tracer = tracers.get_tracer(*SCOPE, schema_url=SCOPE_SCHEMA, attributes=TEAM)
    server = tracer.start_span(
        "GET /cart",
        context=Context(),
        kind=trace.SpanKind.SERVER,
        start_time=at(0),
        attributes={
            "http.route": "/cart", "ok": True, "items": 3, "price": 9.5, "tags": ["x", "ü"], "sizes": [1, 2],
        },
    )
    server.add_event("cache miss", {"key": "cart:1"}, at(10))
    server.set_status(trace.Status(trace.StatusCode.ERROR, "out of stock"))
    within = trace.set_span_in_context(server, Context())
    elsewhere = trace.SpanContext(
        0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, trace.TraceFlags(1), trace.TraceState([("vendor", "1")])
    )
    client = tracer.start_span(
        "SELECT", within, trace.SpanKind.CLIENT, links=[trace.Link(elsewhere, {"why": "retry"})], start_time=at(20)
    )
    client.end(at(30))
    server.end(at(250))
    return within, server.get_span_context(), client.get_span_context()


def write(within: Context, loggers: LoggerProvider) -> None:
    logger = loggers.get_logger(*SCOPE, schema_url=SCOPE_SCHEMA, attributes=TEAM)
    logger.emit(
        LogRecord(
            timestamp=at(5),
            observed_timestamp=at(6),
            context=within,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            event_name="order.failed",
            body={"msg": "ünï", "n": 7, "list": [1, "two", True], "nested": {"deep": 1.5}},
            attributes={"user": "a", "delta": -1},
        )
    )
    logger.emit(
        LogRecord(
            timestamp=at(7),
            observed_timestamp=at(7),
            context=Context(),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body="plain",
        )
    )


def measure(within: Context, meters: MeterProvider) -> None:
    meter = meters.get_meter(*SCOPE, schema_url=SCOPE_SCHEMA, attributes=TEAM)
    orders = meter.create_counter("orders", "{order}", "Orders placed.")
    orders.add(3, {"region": "eu"}, within)
    orders.add(4, {"region": "us"}, within)
    items = meter.create_up_down_counter("cart.items")
    items.add(5, context=within)
    items.add(-7, context=within)
    meter.create_gauge("load").set(0.25, context=within)
    meter.create_observable_counter("cpu.time", [lambda _: [Observation(1.5, {"cpu": "0"})]], "s")
    latency = meter.create_histogram("latency", "ms", explicit_bucket_boundaries_advisory=[1, 10, 100])
    for value in (0.5, 5, 5, 1000):
        latency.record(value, context=within)
    spread = meter.create_histogram("spread")
    for value in (0, 1, 2, 4):
        spread.record(value, context=within)


def main() -> None:
    tracers = TracerProvider(resource=SHOP)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    loggers = LoggerProvider(resource=SHOP)
    loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    meters = MeterProvider(
        [PeriodicExportingMetricReader(OTLPMetricExporter(), 3_600_000)],
        SHOP,
        views=[View(instrument_name="spread", aggregation=ExponentialBucketHistogramAggregation())],
    )
    within, server, client = trade(tracers)
    write(within, loggers)
    measure(within, meters)
    tracers.shutdown()
    loggers.shutdown()
    meters.shutdown()
    ids = {"traceId": f"{server.trace_id:032x}", "server": f"{server.span_id:016x}", "client": f"{client.span_id:016x}"}
    print(json.dumps(ids))


main()
