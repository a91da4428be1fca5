// An OTLP sender of the reference code: one request of each signal, then prints what the receiver answered, a JSON line a call.
//
// usage: go-otlp-send ADDRESS [gzip]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	log "go.opentelemetry.io/proto/otlp/logs/v1"
	metric "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

func text(value string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}
}

var shop = &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text("shop")}}}
var traceID = []byte("0123456789abcdef")
var spanID = []byte("01234567")

func main() {
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if len(os.Args) > 2 {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	connection, err := grpc.NewClient(os.Args[1], options...)
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	record := &log.LogRecord{TimeUnixNano: 1, SeverityText: "INFO", Body: text("ünïcode"), TraceId: traceID, SpanId: spanID}
	_, err = logs.NewLogsServiceClient(connection).Export(ctx, &logs.ExportLogsServiceRequest{ResourceLogs: []*log.ResourceLogs{{
		Resource: shop, ScopeLogs: []*log.ScopeLogs{{LogRecords: []*log.LogRecord{record}}},
	}}})
	answered("logs", err)

	sum, least := 6.0, 1.0
	point := &metric.HistogramDataPoint{TimeUnixNano: 1, Count: 3, Sum: &sum, Min: &least, BucketCounts: []uint64{1, 2}, ExplicitBounds: []float64{2}}
	spread := &metric.ExponentialHistogramDataPoint{TimeUnixNano: 1, Count: 2, Scale: -1, Positive: &metric.ExponentialHistogramDataPoint_Buckets{Offset: -3, BucketCounts: []uint64{2, 300}}}
	quantiles := []*metric.SummaryDataPoint_ValueAtQuantile{{Quantile: 0.5, Value: 2}}
	_, err = metrics.NewMetricsServiceClient(connection).Export(ctx, &metrics.ExportMetricsServiceRequest{ResourceMetrics: []*metric.ResourceMetrics{{
		Resource: shop, ScopeMetrics: []*metric.ScopeMetrics{{Metrics: []*metric.Metric{
			{Name: "h", Data: &metric.Metric_Histogram{Histogram: &metric.Histogram{DataPoints: []*metric.HistogramDataPoint{point}}}},
			{Name: "e", Data: &metric.Metric_ExponentialHistogram{ExponentialHistogram: &metric.ExponentialHistogram{DataPoints: []*metric.ExponentialHistogramDataPoint{spread}}}},
			{Name: "s", Data: &metric.Metric_Summary{Summary: &metric.Summary{DataPoints: []*metric.SummaryDataPoint{{QuantileValues: quantiles}}}}},
		}}},
	}}})
	answered("metrics", err)

	span := &trace.Span{TraceId: traceID, SpanId: spanID, Name: "GET /", Kind: trace.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 1, EndTimeUnixNano: 2,
		Events: []*trace.Span_Event{{Name: "miss"}}, Links: []*trace.Span_Link{{TraceId: traceID, SpanId: spanID, Flags: 0x101}}}
	_, err = traces.NewTraceServiceClient(connection).Export(ctx, &traces.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource: shop, ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{span}}},
	}}})
	answered("traces", err)

	broken := &trace.Span{TraceId: []byte("short")}
	_, err = traces.NewTraceServiceClient(connection).Export(ctx, &traces.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{broken}}},
	}}})
	answered("broken", err)
}

func answered(signal string, err error) {
	answer := map[string]any{"signal": signal, "code": status.Code(err).String(), "message": status.Convert(err).Message()}
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			answer["retry"] = retry.RetryDelay.AsDuration().String()
		}
	}
	line, err := json.Marshal(answer)
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
