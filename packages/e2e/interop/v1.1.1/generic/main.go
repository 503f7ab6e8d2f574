// A generic source or agent over SDK v1.1.1.
package main

import "ce-broker.test/interop/classic"

func main() { classic.Main() }
