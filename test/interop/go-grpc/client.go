package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

var (
	clientStream = &grpc.StreamDesc{StreamName: "Collect", ClientStreams: true}
	serverStream = &grpc.StreamDesc{StreamName: "Feed", ServerStreams: true}
)

type peer struct {
	conn *grpc.ClientConn
	ctx  context.Context
}

func (p peer) echo(message string, options ...grpc.CallOption) {
	in, out := []byte(message), []byte(nil)
	err := p.conn.Invoke(p.ctx, "/test.Raw/Echo", &in, &out, options...)
	report(outcome(err, map[string]any{"bytes": len(out), "same": string(out) == message}))
}

// outcome adds code, message and details of a call's status.
func outcome(err error, fields map[string]any) map[string]any {
	st := status.Convert(err)
	fields["code"] = int(st.Code())
	fields["message"] = st.Message()
	fields["details"] = fmt.Sprint(st.Details())
	return fields
}

func (p peer) collect(messages []string, end bool) {
	stream, err := p.conn.NewStream(p.ctx, clientStream, "/test.Raw/Collect")
	must(err)
	sent := 0
	for _, text := range messages {
		message := []byte(text)
		if err = stream.SendMsg(&message); err != nil {
			break
		}
		sent++
	}
	if end {
		must(stream.CloseSend())
	}
	var out []byte
	err = stream.RecvMsg(&out)
	report(outcome(err, map[string]any{"sent": sent, "reply": string(out)}))
}

func (p peer) feed(request string, delay time.Duration, stopAfter int) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	stream, err := p.conn.NewStream(ctx, serverStream, "/test.Raw/Feed")
	must(err)
	in := []byte(request)
	must(stream.SendMsg(&in))
	must(stream.CloseSend())
	messages, bytes := 0, 0
	for {
		var out []byte
		err = stream.RecvMsg(&out)
		if err != nil {
			break
		}
		messages++
		bytes += len(out)
		if messages == stopAfter {
			cancel()
		}
		time.Sleep(delay)
	}
	if err == io.EOF {
		err = nil
	}
	report(outcome(err, map[string]any{"messages": messages, "bytes": bytes}))
}

func repeat(text string, count int) []string {
	list := make([]string, count)
	for i := range list {
		list[i] = text
	}
	return list
}

func call(dir, address, scenario string) {
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(transport(dir)),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(20<<20)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, PermitWithoutStream: true}))
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p := peer{conn, ctx}
	const mib = 1 << 20
	switch scenario {
	case "ingress":
		p.ingress()
	case "unary":
		p.echo("hello")
		p.echo("")
		p.echo(strings.Repeat("x", 100_000))
	case "gzip":
		p.echo(strings.Repeat("z", 50_000), grpc.UseCompressor(gzip.Name))
	case "big":
		p.echo(strings.Repeat("x", 10*mib))
		p.echo(strings.Repeat("x", 10*mib+1))
	case "fail":
		p.echo("fail")
	case "unknown":
		in, out := []byte("x"), []byte(nil)
		report(outcome(conn.Invoke(ctx, "/test.Raw/Nope", &in, &out), map[string]any{}))
	case "deadline":
		short, stop := context.WithTimeout(ctx, 300*time.Millisecond)
		defer stop()
		peer{conn, short}.echo("wait")
	case "collect":
		p.collect(repeat(strings.Repeat("m", 42_000), 200), true)
	case "collect-small":
		p.collect(repeat(strings.Repeat("m", 370), 5000), true)
	case "collect-stopped":
		p.collect([]string{"a", "stop"}, false)
	case "collect-too-large":
		p.collect(repeat(strings.Repeat("m", 10*mib+1), 1), true)
	case "feed":
		p.feed("300 42000", 0, 0)
	case "feed-slow":
		p.feed("300 42000", 5*time.Millisecond, 0)
	case "feed-cancel":
		p.feed("100000 1000", 0, 10)
	case "hold":
		stream, err := conn.NewStream(ctx, clientStream, "/test.Raw/Collect")
		must(err)
		message := []byte("held")
		must(stream.SendMsg(&message))
		report(map[string]any{"event": "held"})
		var out []byte
		err = stream.RecvMsg(&out)
		report(outcome(err, map[string]any{"reply": string(out)}))
		if status.Code(err) == codes.OK {
			os.Exit(0)
		}
	default:
		must(fmt.Errorf("no scenario %q", scenario))
	}
}
