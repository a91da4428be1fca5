// A small shop that tells of itself with OpenTelemetry's Go SDK: each signal once, the story that all senders of this folder
// tell. Where to, how and with which certificates stands in the SDK's own variables (OTEL_EXPORTER_OTLP_*). Prints the ids
// that the SDK drew.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	scope          = "checkout"
	version        = "1.2.0"
	scopeSchema    = "https://opentelemetry.io/schemas/1.37.0"
	resourceSchema = "https://opentelemetry.io/schemas/1.38.0"
)

var shop = resource.NewWithAttributes(resourceSchema,
	attribute.String("service.name", "shop"),
	attribute.String("service.version", "2.1"),
	attribute.Int("host.cores", 4),
	attribute.StringSlice("zones", []string{"a", "b"}),
)

var team = attribute.String("team", "a")

// Some milliseconds after the story begins.
func at(ms int) time.Time {
	return time.Unix(1_700_000_000, 100_000_000).Add(time.Duration(ms) * time.Millisecond)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	out, err := newExporters(ctx)
	check(err)
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(out.spans), sdktrace.WithResource(shop))
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(out.logs)), sdklog.WithResource(shop))
	meters := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(out.metrics, sdkmetric.WithInterval(time.Hour))),
		sdkmetric.WithResource(shop),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "spread"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
		)),
	)
	within, server, client := trading(ctx, tracers)
	writing(within, loggers)
	measuring(within, meters)
	check(errors.Join(tracers.Shutdown(ctx), loggers.Shutdown(ctx), meters.Shutdown(ctx)))
	ids, err := json.Marshal(map[string]string{
		"traceId": server.TraceID().String(), "server": server.SpanID().String(), "client": client.SpanID().String(),
	})
	check(err)
	fmt.Println(string(ids))
}

func trading(ctx context.Context, tracers trace.TracerProvider) (context.Context, trace.SpanContext, trace.SpanContext) {
	tracer := tracers.Tracer(scope, trace.WithInstrumentationVersion(version), trace.WithSchemaURL(scopeSchema),
		trace.WithInstrumentationAttributes(team))
	within, server := tracer.Start(ctx, "GET /cart", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at(0)),
		trace.WithAttributes(
			attribute.String("http.route", "/cart"), attribute.Bool("ok", true), attribute.Int("items", 3),
			attribute.Float64("price", 9.5), attribute.StringSlice("tags", []string{"x", "ü"}), attribute.IntSlice("sizes", []int{1, 2})))
	server.AddEvent("cache miss", trace.WithTimestamp(at(10)), trace.WithAttributes(attribute.String("key", "cart:1")))
	server.SetStatus(codes.Error, "out of stock")
	_, client := tracer.Start(within, "SELECT", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(at(20)),
		trace.WithLinks(trace.Link{SpanContext: elsewhere(), Attributes: []attribute.KeyValue{attribute.String("why", "retry")}}))
	client.End(trace.WithTimestamp(at(30)))
	server.End(trace.WithTimestamp(at(250)))
	return within, server.SpanContext(), client.SpanContext()
}

func elsewhere() trace.SpanContext {
	traceID, err := trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")
	check(err)
	spanID, err := trace.SpanIDFromHex("b7ad6b7169203331")
	check(err)
	state, err := trace.ParseTraceState("vendor=1")
	check(err)
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true,
	})
}

func writing(within context.Context, loggers log.LoggerProvider) {
	logger := loggers.Logger(scope, log.WithInstrumentationVersion(version), log.WithSchemaURL(scopeSchema),
		log.WithInstrumentationAttributes(team))
	var failed log.Record
	failed.SetTimestamp(at(5))
	failed.SetObservedTimestamp(at(6))
	failed.SetSeverity(log.SeverityWarn)
	failed.SetSeverityText("WARN")
	failed.SetEventName("order.failed")
	failed.SetBody(attribute.MapValue(
		attribute.String("msg", "ünï"),
		attribute.Int("n", 7),
		attribute.Slice("list", attribute.IntValue(1), attribute.StringValue("two"), attribute.BoolValue(true)),
		attribute.Map("nested", attribute.Float64("deep", 1.5)),
	))
	failed.AddAttributes(attribute.String("user", "a"), attribute.Int("delta", -1))
	logger.Emit(within, failed)
	var plain log.Record
	plain.SetTimestamp(at(7))
	plain.SetObservedTimestamp(at(7))
	plain.SetSeverity(log.SeverityInfo)
	plain.SetSeverityText("INFO")
	plain.SetBody(attribute.StringValue("plain"))
	logger.Emit(context.Background(), plain)
}

func measuring(within context.Context, meters metric.MeterProvider) {
	meter := meters.Meter(scope, metric.WithInstrumentationVersion(version), metric.WithSchemaURL(scopeSchema),
		metric.WithInstrumentationAttributes(team))
	orders, err := meter.Int64Counter("orders", metric.WithUnit("{order}"), metric.WithDescription("Orders placed."))
	check(err)
	orders.Add(within, 3, metric.WithAttributes(attribute.String("region", "eu")))
	orders.Add(within, 4, metric.WithAttributes(attribute.String("region", "us")))
	items, err := meter.Int64UpDownCounter("cart.items")
	check(err)
	items.Add(within, 5)
	items.Add(within, -7)
	load, err := meter.Float64Gauge("load")
	check(err)
	load.Record(within, 0.25)
	_, err = meter.Float64ObservableCounter("cpu.time", metric.WithUnit("s"), metric.WithFloat64Callback(
		func(_ context.Context, seen metric.Float64Observer) error {
			seen.Observe(1.5, metric.WithAttributes(attribute.String("cpu", "0")))
			return nil
		}))
	check(err)
	latency, err := meter.Float64Histogram("latency", metric.WithUnit("ms"), metric.WithExplicitBucketBoundaries(1, 10, 100))
	check(err)
	for _, value := range []float64{0.5, 5, 5, 1000} {
		latency.Record(within, value)
	}
	spread, err := meter.Float64Histogram("spread")
	check(err)
	for _, value := range []float64{0, 1, 2, 4} {
		spread.Record(within, value)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
