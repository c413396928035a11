// Command gatehouse serves a persistent local AWS IAM and STS.
package main

func main() {}
