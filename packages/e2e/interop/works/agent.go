package works

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	workv1 "open-cluster-management.io/api/work/v1"

	"ce-broker.test/interop/common/line"
)

// agent stands for a work controller: it "applies" the manifests of a work to its memory, and
// reports Applied and Available through the SDK's work client, as a real controller does.
//
// It does so at the command "reconcile", and the command ends when the SDK's store has all of it.
// The SDK's clients have windows that a program as fast as this one would fall into: a source
// publishes a change before its own store has it, and drops a status that is back by then; an
// agent's patch that meets a new event on the way to the store takes the event back.
type agent struct {
	Client
	cluster string
}

func (a agent) handle(ctx context.Context, c line.Command) (line.Event, error) {
	switch c.Op {
	case "state":
		return state(a.Client), nil
	case "reconcile":
		return nil, a.reconcile(ctx, c.Name)
	}
	return nil, fmt.Errorf("an agent of works knows no op %q", c.Op)
}

func (a agent) reconcile(ctx context.Context, name string) error {
	// A v1.3 store tells its watchers of a change before it has it: wait until both say the same.
	work, err := a.until(ctx, name, func(stored *workv1.ManifestWork) bool {
		obj, exists, _ := a.Informer.GetStore().GetByKey(a.cluster + "/" + name)
		return exists && stored != nil && obj.(*workv1.ManifestWork).ResourceVersion == stored.ResourceVersion
	})
	if err != nil {
		return err
	}
	if work.DeletionTimestamp != nil {
		line.Emit(line.Event{"event": "removed", "name": name})
		return a.patchUntil(ctx, name, finalizers([]string{}), func(stored *workv1.ManifestWork) bool {
			return stored == nil || len(stored.Finalizers) == 0
		})
	}
	if !hasFinalizer(work) {
		own := finalizers(append(slices.Clone(work.Finalizers), workv1.ManifestWorkFinalizer))
		if err := a.patchUntil(ctx, name, own, hasFinalizer); err != nil {
			return err
		}
	}
	return a.apply(ctx, work)
}

func finalizers(list []string) any {
	return map[string]any{"metadata": map[string]any{"finalizers": list}}
}

func hasFinalizer(work *workv1.ManifestWork) bool {
	return work != nil && slices.Contains(work.Finalizers, workv1.ManifestWorkFinalizer)
}

func (a agent) apply(ctx context.Context, work *workv1.ManifestWork) error {
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
	return a.patchUntil(ctx, work.Name, map[string]any{"status": status}, func(stored *workv1.ManifestWork) bool {
		return stored != nil && observed(stored) == version
	}, "status")
}

// patchUntil sends a merge patch and waits until the store has it.
func (a agent) patchUntil(ctx context.Context, name string, patch any, has func(*workv1.ManifestWork) bool, subresources ...string) error {
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	works := a.Works.ManifestWorks(a.cluster)
	if _, err := works.Patch(ctx, name, types.MergePatchType, data, metav1.PatchOptions{}, subresources...); err != nil {
		return err
	}
	_, err = a.until(ctx, name, has)
	return err
}

// until polls the SDK's store for a work; the condition gets nil when there is none.
func (a agent) until(ctx context.Context, name string, condition func(*workv1.ManifestWork) bool) (*workv1.ManifestWork, error) {
	var work *workv1.ManifestWork
	err := wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var err error
		work, err = a.Works.ManifestWorks(a.cluster).Get(ctx, name, metav1.GetOptions{})
		if errors.IsNotFound(err) {
			work, err = nil, nil
		}
		return err == nil && condition(work), err
	})
	return work, err
}
