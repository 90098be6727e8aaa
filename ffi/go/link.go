//go:build !optiformer_pkgconfig

package optiformer

// The folder native is filled by build.sh.

// #cgo CFLAGS: -I${SRCDIR}/native
// #cgo LDFLAGS: ${SRCDIR}/native/liboptiformer.a -lm
// #cgo linux LDFLAGS: -lpthread -ldl
import "C"
