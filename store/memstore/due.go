package memstore

// A dueHeap orders the records of a shard by when they must be looked at: a binary heap
// with the earliest first. It is lazy. That is the time at which a record expires, or
// an earlier one: extending a record, which happens to each of them again and again,
// does not touch the heap, and the record is moved down when its old time has come.
type dueHeap []dueAt

// A dueAt is a time in milliseconds and a slot. The time is in halves because that
// makes 12 bytes, where an int64 would make 16.
type dueAt struct {
	slot, low uint32
	high      int32
}

func newDueAt(slot uint32, ms int64) dueAt {
	return dueAt{slot: slot, low: uint32(ms), high: int32(ms >> 32)}
}

func (d dueAt) ms() int64 { return int64(d.high)<<32 | int64(d.low) }

// addDue enters an empty record, which is due never.
func (sh *shard) addDue(n uint32, sl *slot) {
	sl.due = uint32(len(sh.due))
	sh.due = append(sh.due, newDueAt(n, 1<<63-1))
}

// moveDue makes sure that a record is looked at when it expires.
func (sh *shard) moveDue(sl *slot) {
	if entry := &sh.due[sl.due]; sl.expires < entry.ms() {
		*entry = newDueAt(entry.slot, sl.expires)
		sh.rise(sl.due)
	}
}

func (sh *shard) removeDue(sl *slot) {
	last := uint32(len(sh.due) - 1)
	entry := sh.due[last]
	sh.due = sh.due[:last]
	if sl.due == last {
		return
	}
	sh.setDue(sl.due, entry)
	sh.sink(sl.due)
	sh.rise(sh.slots.at(entry.slot).due)
}

// expire looks at no more than this many records that are due, and removes up to limit
// of them that have truly expired. more is false when none is due any more.
func (sh *shard) expire(now int64, looks, limit int) (removed int, more bool) {
	for ; looks > 0 && removed < limit; looks-- {
		if len(sh.due) == 0 || sh.due[0].ms() > now {
			return removed, false
		}
		n := sh.due[0].slot
		sl := sh.slots.at(n)
		if sl.expires > now {
			sh.due[0] = newDueAt(n, sl.expires)
			sh.sink(0)
			continue
		}
		sh.remove(n)
		removed++
	}
	return removed, true
}

func (sh *shard) setDue(i uint32, entry dueAt) {
	sh.due[i] = entry
	sh.slots.at(entry.slot).due = i
}

func (sh *shard) rise(i uint32) {
	entry := sh.due[i]
	for i > 0 {
		parent := (i - 1) / 2
		if sh.due[parent].ms() <= entry.ms() {
			break
		}
		sh.setDue(i, sh.due[parent])
		i = parent
	}
	sh.setDue(i, entry)
}

func (sh *shard) sink(i uint32) {
	entry := sh.due[i]
	for {
		child := 2*i + 1
		if child >= uint32(len(sh.due)) {
			break
		}
		if right := child + 1; right < uint32(len(sh.due)) && sh.due[right].ms() < sh.due[child].ms() {
			child = right
		}
		if entry.ms() <= sh.due[child].ms() {
			break
		}
		sh.setDue(i, sh.due[child])
		i = child
	}
	sh.setDue(i, entry)
}
