// Package resource holds the generic resource that the programs exchange, the set in which each
// keeps its own, and the codec between a resource and a CloudEvent.
package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sort"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubetypes "k8s.io/apimachinery/pkg/types"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
)

// Resource is a ResourceObject of every SDK version (the newer ones ask for GetGeneration too).
type Resource struct {
	ID       string          `json:"id"`
	Cluster  string          `json:"cluster"`
	Source   string          `json:"source"`
	Version  int64           `json:"version"`
	Spec     json.RawMessage `json:"spec,omitempty"`
	Status   json.RawMessage `json:"status,omitempty"`
	Deleting *metav1.Time    `json:"deleting,omitempty"`
	// Deleted is set in the last status of a resource: the agent has removed it.
	Deleted bool `json:"deleted,omitempty"`
}

func (r *Resource) GetUID() kubetypes.UID              { return kubetypes.UID(r.ID) }
func (r *Resource) GetResourceVersion() string         { return strconv.FormatInt(r.Version, 10) }
func (r *Resource) GetGeneration() int64               { return r.Version }
func (r *Resource) GetDeletionTimestamp() *metav1.Time { return r.Deleting }

// StatusHash is the StatusHashGetter of the programs.
func StatusHash(r *Resource) (string, error) {
	sum := sha256.Sum256(r.Status)
	return hex.EncodeToString(sum[:]), nil
}

// Set keeps the resources of one program and is its Lister.
type Set struct {
	mu  sync.Mutex
	all map[string]Resource
}

func NewSet() *Set { return &Set{all: map[string]Resource{}} }

func (s *Set) Get(id string) (Resource, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.all[id]
	return r, ok
}

func (s *Set) Put(r Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[r.ID] = r
}

func (s *Set) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
}

// Change runs f over one resource in one step and says what f said; f gets false for an unknown id.
func (s *Set) Change(id string, f func(r *Resource, known bool) (keep bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, known := s.all[id]
	if f(&r, known) {
		s.all[id] = r
	} else {
		delete(s.all, id)
	}
}

// Select lists by cluster and source, sorted by id; an empty name means all.
func (s *Set) Select(o types.ListOptions) []*Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []*Resource{}
	for _, r := range s.all {
		if (o.ClusterName == "" || o.ClusterName == r.Cluster) && (o.Source == "" || o.Source == r.Source) {
			one := r
			list = append(list, &one)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return list
}
