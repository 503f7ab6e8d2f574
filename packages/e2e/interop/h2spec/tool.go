//go:build tools

// Package h2spec pins the conformance suite h2spec (https://github.com/summerwind/h2spec) and what it is built from. Its later releases
// have a go.mod that does not carry their major version, so the module proxy does not serve them; v2.2.1 has the same cases but one.
package h2spec

import _ "github.com/summerwind/h2spec/cmd/h2spec"
