package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// seen is what a read found in the place of one environment; nil is an environment that does not exist.
type seen struct {
	Value    string `json:"value"`
	Revision int64  `json:"revision"`
}

// line is one operation of the history as its client saw it: one JSON object a line. See ../history.ts, which writes them.
type line struct {
	Client int `json:"client"`
	// Microseconds on one monotonic clock.
	StartMicros int64 `json:"startMicros"`
	// Nil when no answer came: such an operation is open until the end of the history, also where its revision was found out later.
	EndMicros *int64 `json:"endMicros"`
	// "write" or "read".
	Kind string `json:"kind"`
	// Of a write: the value that each environment gets, all or none of them.
	Sets map[string]string `json:"sets"`
	// Of a write: the revision that must have changed an environment last; 0, it must not exist.
	At map[string]int64 `json:"at"`
	// Of a write: "done", "refused" (a condition did not hold) or "unknown" (it happened once, or not).
	Outcome string `json:"outcome"`
	// Of a write that was done.
	Revision int64 `json:"revision"`
	// Of a read: all environments that were asked for, from one state.
	Found map[string]*seen `json:"found"`
	// The highest revision of a write that was done and is below this one's; see linked.
	previous int64
}

// readHistory refuses what it does not know: a history that is misread could pass.
func readHistory(from io.Reader) ([]line, error) {
	var history []line
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var one line
		if err := json.Unmarshal(scanner.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(history)+1, err)
		}
		if err := one.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(history)+1, err)
		}
		history = append(history, one)
	}
	return history, scanner.Err()
}

func (one *line) check() error {
	if one.EndMicros != nil && *one.EndMicros < one.StartMicros {
		return fmt.Errorf("it ends before it begins")
	}
	switch {
	case one.Kind == "read" && one.EndMicros != nil && len(one.Found) > 0:
		return nil
	case one.Kind == "write" && len(one.Sets) > 0:
		switch {
		case one.Outcome == "done" && one.Revision > 0:
			return nil
		case one.Outcome == "refused" && one.EndMicros != nil && len(one.At) > 0:
			return nil
		case one.Outcome == "unknown" && one.EndMicros == nil:
			return nil
		}
	}
	return fmt.Errorf("neither a read with what it found nor a write with its outcome")
}
