package org.example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class OrdersTest {
    @Test
    void sumsByCustomer() {
        var totals = Orders.totals(List.of(new Orders.Order("a", 1), new Orders.Order("b", 2), new Orders.Order("a", 3)));
        assertEquals(4, totals.get("a"));
    }
}
