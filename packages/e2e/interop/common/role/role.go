// Package role is what a source and an agent of the generic resource do, whatever the SDK version.
package role

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ce-broker.test/interop/common/line"
	"ce-broker.test/interop/common/resource"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
)

// Client is the part of the SDK's clients that is alike in every version.
type Client interface {
	Publish(ctx context.Context, eventType types.CloudEventsType, r *resource.Resource) error
	Resync(ctx context.Context, target string) error
}

// Role is a source or an agent: its own resources, and what it does with commands and events.
type Role struct {
	Flags    line.Flags
	DataType types.CloudEventsDataType
	Set      *resource.Set
	client   Client
}

func New(flags line.Flags) *Role {
	dataType, err := types.ParseCloudEventsDataType(flags.DataType)
	if err != nil {
		line.Fatal(fmt.Errorf("--data-type %q: %w", flags.DataType, err))
	}
	r := &Role{Flags: flags, DataType: *dataType, Set: resource.NewSet()}
	if err := r.load(); err != nil {
		line.Fatal(fmt.Errorf("--state: %w", err))
	}
	return r
}

// load fills the set before there is a client: to a source that answers a resync, its list is
// complete, and what it does not list yet would be deleted.
func (r *Role) load() error {
	if r.Flags.State == "" {
		return nil
	}
	data, err := os.ReadFile(r.Flags.State)
	if err != nil {
		return err
	}
	var list []resource.Resource
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, one := range list {
		r.Set.Put(one)
	}
	return nil
}

// Start hands the client over; before that, only Set is used.
func (r *Role) Start(client Client) { r.client = client }

// Signalled says that the SDK gave its signal, and resyncs as the SDK asks its callers to do.
func (r *Role) Signalled(ctx context.Context, signal string) {
	line.Emit(line.Event{"event": signal})
	r.resync(ctx, "")
}

func (r *Role) resync(ctx context.Context, target string) {
	event := line.Event{"event": "resynced"}
	if err := r.client.Resync(ctx, target); err != nil {
		event["error"] = err.Error()
	}
	line.Emit(event)
}

func (r *Role) publish(ctx context.Context, sub types.EventSubResource, action string, one resource.Resource) error {
	eventType := types.CloudEventsType{CloudEventsDataType: r.DataType, SubResource: sub, Action: types.EventAction(action)}
	return r.client.Publish(ctx, eventType, &one)
}

// Received is the SDK's handler, for both roles.
func (r *Role) Received(ctx context.Context, got *resource.Resource) {
	if r.Flags.Role == "source" {
		r.receivedStatus(got)
	} else {
		r.receivedSpec(ctx, got)
	}
}

func (r *Role) receivedStatus(got *resource.Resource) {
	known := false
	r.Set.Change(got.ID, func(own *resource.Resource, found bool) bool {
		known = found
		own.Status = got.Status
		return found && !(got.Deleted && own.Deleting != nil)
	})
	line.Emit(line.Event{"event": "status", "id": got.ID, "cluster": got.Cluster, "version": got.Version,
		"status": got.Status, "deleted": got.Deleted, "known": known})
}

// receivedSpec applies a spec and says what it was to this agent. SDK v1.2 and later hand over
// every event, so the agent itself must see to it that an old version changes nothing: such an
// event is shown as STALE.
func (r *Role) receivedSpec(ctx context.Context, got *resource.Resource) {
	action := ""
	r.Set.Change(got.ID, func(own *resource.Resource, known bool) bool {
		switch {
		case got.Deleting != nil && known:
			action = "DELETED"
			return false
		case got.Deleting != nil:
			action = "GONE"
			return false
		case !known:
			action = "ADDED"
		case got.Version == own.Version && got.Version != 0:
			action = "SAME"
			return true
		case got.Version < own.Version && got.Version != 0:
			action = "STALE"
			return true
		default:
			action = "MODIFIED"
		}
		status := own.Status
		*own = *got
		own.Status = status
		return true
	})
	line.Emit(line.Event{"event": "spec", "action": action, "id": got.ID, "source": got.Source,
		"cluster": got.Cluster, "version": got.Version, "spec": got.Spec})
	if got.Deleting == nil {
		return
	}
	// Tell the source that it is gone. Outside of the handler, which may hold the receiver.
	last := *got
	last.Cluster, last.Deleting, last.Deleted, last.Status = r.Flags.Cluster, nil, true, nil
	go func() {
		event := line.Event{"event": "confirmed", "id": got.ID}
		if err := r.publish(ctx, types.SubResourceStatus, "delete_request", last); err != nil {
			event["error"] = err.Error()
		}
		line.Emit(event)
	}()
}

// Handle runs one command.
func (r *Role) Handle(ctx context.Context, c line.Command) (line.Event, error) {
	switch c.Op {
	case "state":
		return line.Event{"resources": r.Set.Select(types.ListOptions{})}, nil
	case "forget":
		r.Set.Remove(c.ID)
		return nil, nil
	case "resync":
		return nil, r.client.Resync(ctx, c.Target)
	}
	if r.Flags.Role == "source" {
		return nil, r.handleSource(ctx, c)
	}
	return nil, r.handleAgent(ctx, c)
}

func (r *Role) handleSource(ctx context.Context, c line.Command) error {
	one := resource.Resource{ID: c.ID, Cluster: c.Cluster, Source: r.Flags.Source, Version: c.Version, Spec: c.Spec}
	switch c.Op {
	case "publish":
		r.Set.Put(one)
		return r.publish(ctx, types.SubResourceSpec, "create_request", one)
	case "update", "delete":
		var changed resource.Resource
		known := false
		r.Set.Change(c.ID, func(own *resource.Resource, found bool) bool {
			known = found
			if c.Op == "delete" {
				own.Deleting = &metav1.Time{Time: time.Now()}
			} else {
				own.Version, own.Spec = c.Version, c.Spec
			}
			changed = *own
			return found
		})
		if !known {
			return fmt.Errorf("no resource %q here", c.ID)
		}
		return r.publish(ctx, types.SubResourceSpec, c.Op+"_request", changed)
	}
	return fmt.Errorf("a source knows no op %q", c.Op)
}

func (r *Role) handleAgent(ctx context.Context, c line.Command) error {
	if c.Op != "status" {
		return fmt.Errorf("an agent knows no op %q", c.Op)
	}
	var changed resource.Resource
	known := false
	r.Set.Change(c.ID, func(own *resource.Resource, found bool) bool {
		known = found
		own.Status = c.Status
		changed = *own
		return found
	})
	if !known {
		return fmt.Errorf("no resource %q here", c.ID)
	}
	return r.publish(ctx, types.SubResourceStatus, "update_request", changed)
}
