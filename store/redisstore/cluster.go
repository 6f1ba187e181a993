package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// slotCount is how many parts the keys of a Cluster are divided into.
const slotCount = 16384

var errMoving = errors.New("slots of the Cluster have moved or are moving, and records with them: list again")

// cluster walks over the masters. Records that move meanwhile would be missed, or yielded
// twice. So each master must have the same slots before and after it is walked over, and
// all of them together each slot once.
func (w *walk) cluster() error {
	var done [slotCount]bool
	for i, left := 0, slotCount; left > 0; i++ {
		route := strconv.Itoa(i)
		slot := w.s.line.slotOf(route)
		if done[slot] {
			continue
		}
		err := w.node(route, func(n *node, w *walk) error {
			slots, err := n.steady(w.ctx, nil)
			if err != nil {
				return err
			}
			for _, slot := range slots {
				if done[slot] {
					return errMoving
				}
				done[slot] = true
				left--
			}
			if !done[slot] {
				return errMoving
			}
			if err := n.scan(w); err != nil {
				return err
			}
			_, err = n.steady(w.ctx, slots)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// slotOf returns the slot of a key.
func (l *line) slotOf(key string) uint16 {
	cmd := l.client.B().Arbitrary("EXISTS").Keys(key).Build()
	return cmd.Slot()
}

// steady returns the slots that a node says it has. It is an error when some are moving,
// or others than before.
func (n *node) steady(ctx context.Context, before []uint16) ([]uint16, error) {
	m, err := n.do(ctx, n.line.client.B().ClusterNodes().Build())
	if err != nil {
		return nil, err
	}
	text, err := m.ToString()
	if err != nil {
		return nil, err
	}
	slots, err := ownSlots(text)
	if err == nil && before != nil && !slices.Equal(slots, before) {
		err = errMoving
	}
	return slots, err
}

// ownSlots finds in an answer to CLUSTER NODES the slots of the node that gave it.
func ownSlots(text string) (slots []uint16, err error) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 8 || !strings.Contains(words[2], "myself") {
			continue
		}
		for _, word := range words[8:] {
			if word[0] == '[' {
				return nil, errMoving
			}
			first, last, isRange := strings.Cut(word, "-")
			if !isRange {
				last = first
			}
			from, errF := strconv.ParseUint(first, 10, 14)
			to, errT := strconv.ParseUint(last, 10, 14)
			if errF != nil || errT != nil {
				return nil, fmt.Errorf("CLUSTER NODES tells of slots %q", word)
			}
			for slot := from; slot <= to; slot++ {
				slots = append(slots, uint16(slot))
			}
		}
		return slots, nil
	}
	return nil, fmt.Errorf("CLUSTER NODES does not tell of the node itself: %.200q", text)
}
