// A generic source or agent over SDK v0.16.0.
package main

import "ce-broker.test/interop/classic"

func main() { classic.Main() }
