// Package line is how a test drives one of these programs: a JSON object a line on stdin is a
// command, a JSON object a line on stdout says what happened.
package line

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"
)

// commandTimeout bounds each command, so that a peer that waits for ever shows up as an error.
const commandTimeout = 20 * time.Second

// Command is one line of input. Which fields count depends on Op.
type Command struct {
	N        int             `json:"n"`
	Op       string          `json:"op"`
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Cluster  string          `json:"cluster"`
	Target   string          `json:"target"`
	Dir      string          `json:"dir"`
	Version  int64           `json:"version"`
	Spec     json.RawMessage `json:"spec"`
	Status   json.RawMessage `json:"status"`
	Replicas int             `json:"replicas"`
}

// Event is one line of output.
type Event map[string]any

// Flags are what every program is started with.
type Flags struct {
	Role     string // "source" or "agent"
	Config   string // the SDK's own gRPC configuration file
	Source   string
	Cluster  string
	DataType string
	State    string // what the role holds before it connects: a JSON file, a list of resources
}

// ParseFlags reads `PROGRAM source|agent --config FILE (--source ID | --cluster NAME) --data-type TYPE`.
func ParseFlags() Flags {
	var f Flags
	set := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	set.StringVar(&f.Config, "config", "", "gRPC configuration file of the SDK (YAML)")
	set.StringVar(&f.Source, "source", "", "source id (role source)")
	set.StringVar(&f.Cluster, "cluster", "", "cluster name (role agent)")
	set.StringVar(&f.DataType, "data-type", "io.ce-broker.test.v1.widgets", "GROUP.VERSION.RESOURCE")
	set.StringVar(&f.State, "state", "", "JSON file with the resources that are held from the start")
	if len(os.Args) < 2 {
		Fatal(errors.New("usage: PROGRAM source|agent --config FILE (--source ID | --cluster NAME)"))
	}
	f.Role = os.Args[1]
	_ = set.Parse(os.Args[2:])
	switch {
	case f.Role != "source" && f.Role != "agent":
		Fatal(fmt.Errorf("the first argument is %q, expected source or agent", f.Role))
	case f.Config == "":
		Fatal(errors.New("--config FILE is missing"))
	case f.Role == "source" && f.Source == "":
		Fatal(errors.New("--source ID is missing"))
	case f.Role == "agent" && f.Cluster == "":
		Fatal(errors.New("--cluster NAME is missing"))
	}
	return f
}

var out sync.Mutex

// Emit writes one event as one line.
func Emit(e Event) {
	data, err := json.Marshal(e)
	if err != nil {
		Fatal(err)
	}
	out.Lock()
	defer out.Unlock()
	_, _ = os.Stdout.Write(append(data, '\n'))
}

// Fatal ends the program with a message on stderr.
func Fatal(err error) {
	fmt.Fprintln(os.Stderr, "fatal:", err)
	os.Exit(1)
}

// Serve runs the commands of stdin one after the other, answers each with a "done" event, and
// returns at "quit" or when stdin ends.
func Serve(ctx context.Context, handle func(context.Context, Command) (Event, error)) {
	Emit(Event{"event": "ready"})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 0, 64<<10), 8<<20)
	for in.Scan() {
		var c Command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			Emit(Event{"event": "done", "error": err.Error()})
			continue
		}
		if c.Op == "quit" {
			Emit(Event{"event": "done", "n": c.N, "op": c.Op})
			return
		}
		cctx, cancel := context.WithTimeout(ctx, commandTimeout)
		answer, err := handle(cctx, c)
		cancel()
		if answer == nil {
			answer = Event{}
		}
		answer["event"], answer["n"], answer["op"] = "done", c.N, c.Op
		if err != nil {
			answer["error"] = err.Error()
		}
		Emit(answer)
	}
}
