package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// answer: `fail` fails with RetryInfo, `wait` waits for the deadline, anything else is echoed.
func answer(ctx context.Context, in []byte) (*[]byte, error) {
	switch string(in) {
	case "fail":
		st, err := status.New(codes.ResourceExhausted, "queue is full: 100% \u00fc").
			WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)})
		must(err)
		return nil, st.Err()
	case "wait":
		<-ctx.Done()
		report(map[string]any{"event": "deadline", "error": ctx.Err().Error()})
		return nil, ctx.Err()
	}
	return &in, nil
}

func echo(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var in []byte
	if err := decode(&in); err != nil {
		return nil, err
	}
	return answer(ctx, in)
}

// wake gets an entry for each `wake` on stdin.
var wake = make(chan struct{}, 1)

// collect counts messages and bytes; a message `stop` ends the stream with an error, `sleep` stops reading until stdin says `wake`.
func collect(_ any, stream grpc.ServerStream) error {
	messages, bytes := 0, 0
	for {
		var in []byte
		if err := stream.RecvMsg(&in); err != nil {
			report(map[string]any{"event": "collected", "messages": messages, "bytes": bytes, "error": err.Error()})
			out := []byte(fmt.Sprintf("%d %d", messages, bytes))
			return stream.SendMsg(&out)
		}
		messages++
		bytes += len(in)
		switch string(in) {
		case "stop":
			return status.Error(codes.FailedPrecondition, "stopped")
		case "sleep":
			report(map[string]any{"event": "sleeping"})
			<-wake
		}
	}
}

// feed sends as many messages of as many bytes as the request `COUNT SIZE` says.
func feed(_ any, stream grpc.ServerStream) error {
	var in []byte
	if err := stream.RecvMsg(&in); err != nil {
		return err
	}
	var count, size int
	fmt.Sscan(string(in), &count, &size)
	out := make([]byte, size)
	for i := 0; i < count; i++ {
		if err := stream.SendMsg(&out); err != nil {
			report(map[string]any{"event": "fed", "messages": i, "error": err.Error()})
			return err
		}
	}
	return nil
}

func serve(dir string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer(
		grpc.Creds(transport(dir)),
		grpc.ForceServerCodec(rawCodec{}),
		grpc.MaxRecvMsgSize(10*1024*1024),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Minute, PermitWithoutStream: true}),
	)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Raw",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
		Streams: []grpc.StreamDesc{
			{StreamName: "Collect", Handler: collect, ClientStreams: true},
			{StreamName: "Feed", Handler: feed, ServerStreams: true},
		},
	}, nil)
	report(map[string]any{"event": "listening", "address": listener.Addr().String()})
	go func() {
		input := bufio.NewScanner(os.Stdin)
		for input.Scan() {
			switch strings.TrimSpace(input.Text()) {
			case "wake":
				wake <- struct{}{}
			case "graceful":
				go server.GracefulStop()
			case "stop":
				server.Stop()
			}
		}
		os.Exit(0)
	}()
	must(server.Serve(listener))
	report(map[string]any{"event": "stopped"})
}
