package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cetypes "github.com/cloudevents/sdk-go/v2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubetypes "k8s.io/apimachinery/pkg/types"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
)

type Spec struct {
	Color string `json:"color"`
}

type Status struct {
	State   string `json:"state"`
	Deleted bool   `json:"deleted,omitempty"`
}

// Widget is a generic.ResourceObject.
type Widget struct {
	ID, Cluster, Source, Name string
	Version                   int64
	Deleting                  *metav1.Time
	Spec                      Spec
	Status                    *Status
}

func (w *Widget) GetUID() kubetypes.UID              { return kubetypes.UID(w.ID) }
func (w *Widget) GetResourceVersion() string         { return strconv.FormatInt(w.Version, 10) }
func (w *Widget) GetDeletionTimestamp() *metav1.Time { return w.Deleting }

func statusHash(w *Widget) (string, error) {
	status, err := json.Marshal(w.Status)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(status)
	return hex.EncodeToString(sum[:]), nil
}

// codec reads and writes what jsonCodec of ce-broker-client writes and reads.
type codec struct{}

func (codec) EventDataType() types.CloudEventsDataType { return dataType }

func (codec) Encode(source string, eventType types.CloudEventsType, w *Widget) (*cloudevents.Event, error) {
	event := types.NewEventBuilder(source, eventType).
		WithResourceID(w.ID).
		WithResourceVersion(w.Version).
		WithClusterName(w.Cluster).
		WithOriginalSource(w.Source).
		NewEvent()
	if err := event.SetData(cloudevents.ApplicationJSON, w.Status); err != nil {
		return nil, err
	}
	return &event, nil
}

func (codec) Decode(event *cloudevents.Event) (*Widget, error) {
	extensions := event.Extensions()
	w := &Widget{Source: event.Source()}
	var err error
	if w.ID, err = cetypes.ToString(extensions[types.ExtensionResourceID]); err != nil {
		return nil, fmt.Errorf("resourceid: %w", err)
	}
	if w.Cluster, err = cetypes.ToString(extensions[types.ExtensionClusterName]); err != nil {
		return nil, fmt.Errorf("clustername: %w", err)
	}
	version, err := cetypes.ToInteger(extensions[types.ExtensionResourceVersion]) // an integer, or a string of digits
	if err != nil {
		return nil, fmt.Errorf("resourceversion: %w", err)
	}
	w.Version = int64(version)
	if metadata, found := extensions["metadata"].(string); found {
		var names struct{ Name string }
		if err := json.Unmarshal([]byte(metadata), &names); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
		w.Name = names.Name
	}
	if at, found := extensions[types.ExtensionDeletionTimestamp]; found {
		deleted, err := cetypes.ToTime(at)
		if err != nil {
			return nil, fmt.Errorf("deletiontimestamp: %w", err)
		}
		w.Deleting = &metav1.Time{Time: deleted}
		return w, nil
	}
	return w, event.DataAs(&w.Spec)
}
