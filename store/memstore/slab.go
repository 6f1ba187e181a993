package memstore

// chunkLen is a compromise: a shard that holds one record takes one chunk.
const chunkLen = 32

// A slab hands out numbered places for a T, and takes them back. Places never move, so
// growing it copies no T. Number 0 is never handed out: it is the end of lists.
type slab[T any] struct {
	chunks []*[chunkLen]T
	used   uint32   // the numbers below were handed out at some time
	free   []uint32 // those of them that were given back
}

func (s *slab[T]) at(n uint32) *T { return &s.chunks[n/chunkLen][n%chunkLen] }

func (s *slab[T]) take() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		n := s.free[last]
		s.free = s.free[:last]
		return n
	}
	if int(s.used) == len(s.chunks)*chunkLen {
		s.chunks = append(s.chunks, new([chunkLen]T))
	}
	n := max(s.used, 1)
	s.used = n + 1
	return n
}

func (s *slab[T]) give(n uint32) {
	var zero T
	*s.at(n) = zero
	s.free = append(s.free, n)
}
