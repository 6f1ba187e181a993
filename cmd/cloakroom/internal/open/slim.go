//go:build slim

package open

// servers are none, so that the command is built sooner: make demo does that.
var servers []scheme

const leftOut = " (this build is slim; one without the tag slim knows those on servers too)"
