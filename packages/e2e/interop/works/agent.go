package works

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	workv1 "open-cluster-management.io/api/work/v1"

	"ce-broker.test/interop/common/line"
)

// agent stands for a work controller: it "applies" the manifests of a work to its memory, and
// reports Applied and Available through the SDK's work client, as a real controller does.
//
// It waits for the command "reconcile" before it does so. The SDK's source client publishes a
// change first and puts it into its store after that; it drops a status that is back before then,
// and this agent would be fast enough.
type agent struct {
	Client
	cluster string
	queue   chan string
	mu      sync.Mutex
	asked   map[string]bool
}

func newAgent(client Client, cluster string) *agent {
	return &agent{Client: client, cluster: cluster, queue: make(chan string, 1024), asked: map[string]bool{}}
}

func (a *agent) changed(work *workv1.ManifestWork) { a.queue <- work.Name }

func (a *agent) mayReconcile(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[name]
}

func (a *agent) setAsked(name string, asked bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[name] = asked
}

func (a *agent) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-a.queue:
			if !a.mayReconcile(name) {
				continue
			}
			if err := a.reconcile(ctx, name); err != nil {
				line.Emit(line.Event{"event": "retry", "name": name, "error": err.Error()})
				a.setAsked(name, true)
				time.AfterFunc(100*time.Millisecond, func() { a.queue <- name })
			}
		}
	}
}

// reconcile does the next step for one work. A patch comes back as a change of the informer, and
// with it the step after it; the last step ends what the command asked for.
func (a *agent) reconcile(ctx context.Context, name string) error {
	obj, exists, err := a.Informer.GetStore().GetByKey(a.cluster + "/" + name)
	if err != nil || !exists {
		return err
	}
	work := obj.(*workv1.ManifestWork)
	hasFinalizer := slices.Contains(work.Finalizers, workv1.ManifestWorkFinalizer)
	switch {
	case work.DeletionTimestamp != nil && hasFinalizer:
		line.Emit(line.Event{"event": "removed", "name": name})
		a.setAsked(name, false)
		return a.patch(ctx, name, map[string]any{"metadata": map[string]any{"finalizers": []string{}}})
	case work.DeletionTimestamp != nil:
		return nil
	case !hasFinalizer:
		finalizers := append(slices.Clone(work.Finalizers), workv1.ManifestWorkFinalizer)
		return a.patch(ctx, name, map[string]any{"metadata": map[string]any{"finalizers": finalizers}})
	case observed(work) != versionOf(work) || len(work.Status.Conditions) == 0:
		a.setAsked(name, false)
		return a.apply(ctx, work)
	}
	return nil
}

func (a *agent) apply(ctx context.Context, work *workv1.ManifestWork) error {
	now, version := metav1.Now(), versionOf(work)
	condition := func(kind, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: "done",
			ObservedGeneration: version, LastTransitionTime: now}
	}
	status := workv1.ManifestWorkStatus{Conditions: []metav1.Condition{
		condition(workv1.WorkApplied, "AppliedManifestWorkComplete"), condition(workv1.WorkAvailable, "ResourcesAvailable"),
	}}
	objects, replicas := []string{}, int64(0)
	for i, manifest := range work.Spec.Workload.Manifests {
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(manifest.Raw); err != nil {
			return err
		}
		if n, found, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); found {
			replicas = n
		}
		kind := u.GroupVersionKind()
		objects = append(objects, kind.Kind+"/"+u.GetName())
		status.ResourceStatus.Manifests = append(status.ResourceStatus.Manifests, workv1.ManifestCondition{
			ResourceMeta: workv1.ManifestResourceMeta{Ordinal: int32(i), Group: kind.Group, Version: kind.Version,
				Kind: kind.Kind, Name: u.GetName(), Namespace: u.GetNamespace()},
			Conditions: []metav1.Condition{condition(workv1.ManifestApplied, "AppliedManifestComplete")},
		})
	}
	line.Emit(line.Event{"event": "applied", "name": work.Name, "version": version, "objects": objects, "replicas": replicas})
	return a.patch(ctx, work.Name, map[string]any{"status": status}, "status")
}

func (a *agent) patch(ctx context.Context, name string, patch any, subresources ...string) error {
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = a.Works.ManifestWorks(a.cluster).Patch(ctx, name, types.MergePatchType, data, metav1.PatchOptions{}, subresources...)
	return err
}

func (a *agent) handle(_ context.Context, c line.Command) (line.Event, error) {
	switch c.Op {
	case "state":
		return state(a.Client), nil
	case "reconcile":
		a.setAsked(c.Name, true)
		a.queue <- c.Name
		return nil, nil
	}
	return nil, fmt.Errorf("an agent of works knows no op %q", c.Op)
}
