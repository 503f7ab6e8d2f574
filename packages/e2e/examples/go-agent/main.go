// The agent of agent-in-30-lines with the Go SDK: go run . [CLUSTER] [HOST:PORT]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/options/grpc"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
)

var dataType = types.CloudEventsDataType{Group: "com.example", Version: "v1", Resource: "widgets"}

// agent holds what it has been told, and is the lister of its client.
type agent struct {
	name   string
	client generic.CloudEventsClient[*Widget]
	mu     sync.Mutex
	held   map[string]*Widget
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cluster, url := argument(1, "cluster1"), argument(2, "127.0.0.1:8090")

	a := &agent{name: cluster + "-agent", held: map[string]*Widget{}}
	options := grpc.NewAgentOptions(&grpc.GRPCOptions{URL: url}, cluster, a.name)
	client, err := generic.NewCloudEventAgentClient[*Widget](ctx, options, a, statusHash, codec{})
	if err != nil {
		log.Fatal(err)
	}
	a.client = client
	client.Subscribe(ctx, func(_ types.ResourceAction, widget *Widget) error { return a.apply(ctx, widget) })

	// The SDK leaves it to its user to ask for what was missed: at the start, and after each reconnection.
	a.resync(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-client.ReconnectedChan():
			a.resync(ctx)
		}
	}
}

// List gives copies: v0.15 calls it, and the handlers, from many goroutines at once.
func (a *agent) List(options types.ListOptions) ([]*Widget, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []*Widget{}
	for _, widget := range a.held {
		if options.Source == types.SourceAll || options.Source == widget.Source {
			one := *widget
			list = append(list, &one)
		}
	}
	return list, nil
}

func (a *agent) apply(ctx context.Context, widget *Widget) error {
	done, stale := a.do(widget)
	if stale {
		return nil
	}
	update := types.CloudEventsType{CloudEventsDataType: dataType, SubResource: types.SubResourceStatus, Action: "update_request"}
	if err := a.client.Publish(ctx, update, done); err != nil {
		return err
	}
	if done.Status.Deleted {
		a.resync(ctx) // a list without it confirms the deletion
	}
	return nil
}

// do paints or removes, and says what the widget is now. Handlers run at once and out of order: an older version than the one held is stale.
func (a *agent) do(widget *Widget) (done *Widget, stale bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := *widget
	if widget.Deleting != nil {
		delete(a.held, widget.ID)
		one.Status = &Status{State: "removed", Deleted: true}
		fmt.Println(widget.Name, "removed")
		return &one, false
	}
	if before, found := a.held[widget.ID]; found && before.Version > widget.Version {
		return nil, true
	}
	one.Status = &Status{State: "painted " + widget.Spec.Color}
	a.held[widget.ID] = &one
	fmt.Println(widget.Name, one.Status.State)
	return &one, false
}

func (a *agent) resync(ctx context.Context) {
	if err := a.client.Resync(ctx, types.SourceAll); err != nil {
		log.Printf("resync: %v", err)
	}
}

func argument(n int, otherwise string) string {
	if len(os.Args) > n {
		return os.Args[n]
	}
	return otherwise
}
