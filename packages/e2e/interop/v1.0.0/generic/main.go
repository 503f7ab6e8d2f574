// A generic source or agent over SDK v1.0.0.
package main

import "ce-broker.test/interop/classic"

func main() { classic.Main() }
