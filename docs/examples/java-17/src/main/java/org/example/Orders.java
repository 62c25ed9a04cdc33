// rnx run --runtime=java-17 --upload=pom.xml --upload=src/ mvn compile exec:java
//
// "mvn package" runs the test, too. Neither needs a network.

package org.example;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

public class Orders {
    record Order(String customer, int cents) {
    }

    static Map<String, Integer> totals(List<Order> orders) {
        return orders.stream()
                .collect(Collectors.groupingBy(Order::customer, TreeMap::new, Collectors.summingInt(Order::cents)));
    }

    public static void main(String[] args) {
        var orders = List.of(new Order("Ada", 1250), new Order("Grace", 990), new Order("Ada", 300));
        totals(orders).forEach((customer, cents) -> System.out.printf("%-6s %6.2f%n", customer, cents / 100.0));
    }
}
