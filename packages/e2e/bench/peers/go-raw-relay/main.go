// A relay on grpc-go that never decodes an event: a codec that passes bytes, and a scan for the two routing attributes.
// It keeps nothing: what a subscriber cannot take waits in its channel, and the publisher waits with it.
package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type rawCodec struct{}

func (rawCodec) Marshal(value any) ([]byte, error) { return *value.(*[]byte), nil }
func (rawCodec) Unmarshal(bytes []byte, value any) error {
	*value.(*[]byte) = bytes
	return nil
}
func (rawCodec) Name() string { return "proto" }

type subscriber struct {
	events chan *[]byte
	done   <-chan struct{}
}

type relay struct {
	mu       sync.RWMutex
	clusters map[string]map[*subscriber]struct{}
	sources  map[string]map[*subscriber]struct{}
	nextID   int
}

// field returns the content of the next length-delimited field, its number, and what follows.
func field(bytes []byte) (number uint64, content, rest []byte, ok bool) {
	tag, n := binary.Uvarint(bytes)
	if n <= 0 {
		return 0, nil, nil, false
	}
	bytes = bytes[n:]
	switch tag & 7 {
	case 0:
		_, n := binary.Uvarint(bytes)
		if n <= 0 {
			return 0, nil, nil, false
		}
		return tag >> 3, nil, bytes[n:], true
	case 2:
		length, n := binary.Uvarint(bytes)
		if n <= 0 || uint64(len(bytes)-n) < length {
			return 0, nil, nil, false
		}
		return tag >> 3, bytes[n : n+int(length)], bytes[n+int(length):], true
	}
	return 0, nil, nil, false
}

// route reads the type, the cluster and the source of an event.
func route(event []byte) (eventType, cluster, source string, ok bool) {
	for len(event) > 0 {
		var number uint64
		var content []byte
		number, content, event, ok = field(event)
		if !ok {
			return "", "", "", false
		}
		if number == 4 {
			eventType = string(content)
		}
		if number != 5 {
			continue
		}
		_, key, value, ok := field(content)
		if !ok {
			return "", "", "", false
		}
		name := string(key)
		if name != "ce-clustername" && name != "ce-originalsource" {
			continue
		}
		if _, value, _, ok = field(value); !ok {
			return "", "", "", false
		}
		if _, value, _, ok = field(value); !ok {
			return "", "", "", false
		}
		if name == "ce-clustername" {
			cluster = string(value)
		} else {
			source = string(value)
		}
	}
	return eventType, cluster, source, eventType != ""
}

func isSpec(eventType string) bool {
	end := len(eventType) - 1
	for end >= 0 && eventType[end] != '.' {
		end--
	}
	return end >= 5 && eventType[end-5:end] == ".spec"
}

func (r *relay) publish(request []byte) error {
	_, event, _, ok := field(request)
	if !ok {
		return status.Error(codes.InvalidArgument, "no event")
	}
	eventType, cluster, source, ok := route(event)
	if !ok {
		return status.Error(codes.InvalidArgument, "undecodable event")
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	receivers := r.sources[source]
	if isSpec(eventType) {
		receivers = r.clusters[cluster]
	}
	for receiver := range receivers {
		select {
		case receiver.events <- &event:
		case <-receiver.done:
		}
	}
	return nil
}

func (r *relay) subscribe(request []byte, stream grpc.ServerStream) error {
	var cluster, source string
	for len(request) > 0 {
		number, content, rest, ok := field(request)
		if !ok {
			return status.Error(codes.InvalidArgument, "undecodable request")
		}
		switch number {
		case 1:
			source = string(content)
		case 2:
			cluster = string(content)
		}
		request = rest
	}
	table, key := r.sources, source
	if cluster != "" {
		table, key = r.clusters, cluster
	}
	own := &subscriber{events: make(chan *[]byte, 256), done: stream.Context().Done()}
	r.mu.Lock()
	if table[key] == nil {
		table[key] = map[*subscriber]struct{}{}
	}
	table[key][own] = struct{}{}
	r.nextID++
	id := strconv.Itoa(r.nextID)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(table[key], own)
		r.mu.Unlock()
	}()
	if err := stream.SendHeader(metadata.Pairs("subscription-id", id)); err != nil {
		return err
	}
	for {
		select {
		case event := <-own.events:
			if err := stream.SendMsg(event); err != nil {
				return err
			}
		case <-own.done:
			return nil
		}
	}
}

// transport adds TLS 1.3 to the server options when a certificate is given.
func transport(certFile, keyFile string, options ...grpc.ServerOption) []grpc.ServerOption {
	if certFile == "" {
		return options
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
	return append(options, grpc.Creds(credentials.NewTLS(config)))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	certFile := flag.String("cert", "", "PEM of the server certificate; with it TLS 1.3 is spoken")
	keyFile := flag.String("key", "", "PEM of its private key")
	flag.Parse()
	encoding.RegisterCodec(rawCodec{})
	r := &relay{clusters: map[string]map[*subscriber]struct{}{}, sources: map[string]map[*subscriber]struct{}{}}
	empty := []byte{}
	description := grpc.ServiceDesc{
		ServiceName: "io.cloudevents.v1.CloudEventService",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Publish",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				var request []byte
				if err := decode(&request); err != nil {
					return nil, err
				}
				if err := r.publish(request); err != nil {
					return nil, err
				}
				return &empty, nil
			},
		}},
		Streams: []grpc.StreamDesc{{
			StreamName:    "Subscribe",
			ServerStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error {
				var request []byte
				if err := stream.RecvMsg(&request); err != nil {
					return err
				}
				return r.subscribe(request, stream)
			},
		}},
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer(transport(*certFile, *keyFile, grpc.MaxRecvMsgSize(64<<20))...)
	server.RegisterService(&description, r)
	fmt.Println("ready", listener.Addr())
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
