// Package release tests what people get who are no developers of the library: it makes
// a release out of the tree as it is, in a copy, with scripts/release, serves it from a
// module proxy of files, and uses it as any other module. It has tests only.
package release
