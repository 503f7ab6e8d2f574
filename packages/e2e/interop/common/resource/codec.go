package resource

import (
	"encoding/json"
	"fmt"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cetypes "github.com/cloudevents/sdk-go/v2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
)

// Codec is a Codec[*Resource] of every SDK version.
type Codec struct {
	DataType types.CloudEventsDataType
	// VersionAsString writes the resource version as a string, as SDK v1.3 does for its own types;
	// older versions write an integer.
	VersionAsString bool
}

type body struct {
	Spec    json.RawMessage `json:"spec,omitempty"`
	Status  json.RawMessage `json:"status,omitempty"`
	Deleted bool            `json:"deleted,omitempty"`
}

func (c Codec) EventDataType() types.CloudEventsDataType { return c.DataType }

func (c Codec) Encode(source string, eventType types.CloudEventsType, r *Resource) (*cloudevents.Event, error) {
	b := types.NewEventBuilder(source, eventType).WithResourceID(r.ID).WithClusterName(r.Cluster)
	if !c.VersionAsString {
		b = b.WithResourceVersion(r.Version)
	}
	content := body{Spec: r.Spec}
	if eventType.SubResource == types.SubResourceStatus {
		b = b.WithOriginalSource(r.Source)
		content = body{Status: r.Status, Deleted: r.Deleted}
	} else if r.Deleting != nil {
		evt := c.version(b.WithDeletionTimestamp(r.Deleting.Time).NewEvent(), r)
		return &evt, nil
	}
	evt := c.version(b.NewEvent(), r)
	if err := evt.SetData(cloudevents.ApplicationJSON, content); err != nil {
		return nil, err
	}
	return &evt, nil
}

func (c Codec) version(evt cloudevents.Event, r *Resource) cloudevents.Event {
	if c.VersionAsString {
		evt.SetExtension(types.ExtensionResourceVersion, r.GetResourceVersion())
	}
	return evt
}

func (c Codec) Decode(evt *cloudevents.Event) (*Resource, error) {
	eventType, err := types.ParseCloudEventsType(evt.Type())
	if err != nil {
		return nil, err
	}
	ext := evt.Extensions()
	r := &Resource{Source: evt.Source()}
	if r.ID, err = cetypes.ToString(ext[types.ExtensionResourceID]); err != nil {
		return nil, fmt.Errorf("resourceid: %w", err)
	}
	if r.Cluster, err = cetypes.ToString(ext[types.ExtensionClusterName]); err != nil {
		return nil, fmt.Errorf("clustername: %w", err)
	}
	// ToInteger reads both kinds: an integer and a string of digits.
	version, err := cetypes.ToInteger(ext[types.ExtensionResourceVersion])
	if err != nil {
		return nil, fmt.Errorf("resourceversion: %w", err)
	}
	r.Version = int64(version)
	if v, found := ext[types.ExtensionDeletionTimestamp]; found {
		at, err := cetypes.ToTime(v)
		if err != nil {
			return nil, fmt.Errorf("deletiontimestamp: %w", err)
		}
		r.Deleting = &metav1.Time{Time: at}
	}
	if eventType.SubResource == types.SubResourceStatus {
		if r.Source, err = cetypes.ToString(ext[types.ExtensionOriginalSource]); err != nil {
			return nil, fmt.Errorf("originalsource: %w", err)
		}
	}
	if len(evt.Data()) != 0 {
		var content body
		if err := json.Unmarshal(evt.Data(), &content); err != nil {
			return nil, err
		}
		r.Spec, r.Status, r.Deleted = content.Spec, content.Status, content.Deleted
	}
	return r, nil
}
