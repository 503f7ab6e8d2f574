// A generic source or agent over SDK v1.3.0.
package main

import "ce-broker.test/interop/current"

func main() { current.Main() }
