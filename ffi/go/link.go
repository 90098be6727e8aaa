//go:build !optiformer_pkgconfig

package optiformer

// The folder native is filled by build.sh.

// #cgo CFLAGS: -I${SRCDIR}/native
// #cgo LDFLAGS: ${SRCDIR}/native/liboptiformer.a -lm
// #cgo linux LDFLAGS: -lpthread -ldl
import "C"

// libraryDigest is the checksum and size of the static library that build.sh built: with another
// library the package is another one too, and is linked again.
var libraryDigest string
