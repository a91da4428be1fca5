package main

import (
	"context"
	"errors"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

type exporters struct {
	spans   sdktrace.SpanExporter
	logs    sdklog.Exporter
	metrics sdkmetric.Exporter
}

// The exporters of the protocol that OTEL_EXPORTER_OTLP_PROTOCOL names; everything else they read for themselves.
func newExporters(ctx context.Context) (out exporters, err error) {
	var errs [3]error
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		out.spans, errs[0] = otlptracegrpc.New(ctx)
		out.logs, errs[1] = otlploggrpc.New(ctx)
		out.metrics, errs[2] = otlpmetricgrpc.New(ctx)
	} else {
		out.spans, errs[0] = otlptracehttp.New(ctx)
		out.logs, errs[1] = otlploghttp.New(ctx)
		out.metrics, errs[2] = otlpmetrichttp.New(ctx)
	}
	return out, errors.Join(errs[:]...)
}
