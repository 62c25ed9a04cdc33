// rnx run --runtime=go-1.22 --upload=go.mod --upload=main.go bash -c 'go build -o primes . && ./primes 1000000'
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

func isPrime(n int) bool {
	for i := 2; i*i <= n; i++ {
		if n%i == 0 {
			return false
		}
	}
	return n > 1
}

func main() {
	limit := 100000
	if len(os.Args) > 1 {
		limit, _ = strconv.Atoi(os.Args[1])
	}
	var count atomic.Int64
	var group sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := w; n <= limit; n += workers {
				if isPrime(n) {
					count.Add(1)
				}
			}
		}()
	}
	group.Wait()
	fmt.Printf("%d primes up to %d, by %d workers\n", count.Load(), limit, workers)
}
