package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// serveHTTP hands requests to the servers of the gRPC side. Unknown fields in JSON are an error here.
func serveHTTP() {
	http.HandleFunc("/v1/logs", handle(func(unmarshal func(proto.Message) error) (proto.Message, error) {
		request := &logs.ExportLogsServiceRequest{}
		if err := unmarshal(request); err != nil {
			return nil, err
		}
		return logsServer{}.Export(context.Background(), request)
	}))
	http.HandleFunc("/v1/metrics", handle(func(unmarshal func(proto.Message) error) (proto.Message, error) {
		request := &metrics.ExportMetricsServiceRequest{}
		if err := unmarshal(request); err != nil {
			return nil, err
		}
		return metricsServer{}.Export(context.Background(), request)
	}))
	http.HandleFunc("/v1/traces", handle(func(unmarshal func(proto.Message) error) (proto.Message, error) {
		request := &traces.ExportTraceServiceRequest{}
		if err := unmarshal(request); err != nil {
			return nil, err
		}
		return tracesServer{}.Export(context.Background(), request)
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Printf("%q\n", listener.Addr().String())
	check(http.Serve(listener, nil))
}

func handle(export func(func(proto.Message) error) (proto.Message, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = unzipped
		}
		bytes, err := io.ReadAll(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		unmarshal, marshal := proto.Unmarshal, proto.Marshal
		if r.Header.Get("Content-Type") == "application/json" {
			unmarshal, marshal = protojson.Unmarshal, protojson.Marshal
		}
		reply, err := export(func(m proto.Message) error { return unmarshal(bytes, m) })
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		out, err := marshal(reply)
		check(err)
		w.Write(out)
	}
}
