// rnx run --runtime=java-21 --upload=VirtualThreadsApp.java bash -c 'javac VirtualThreadsApp.java && java VirtualThreadsApp'

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

public class VirtualThreadsApp {
    sealed interface Shape permits Circle, Square {
    }

    record Circle(double radius) implements Shape {
    }

    record Square(double side) implements Shape {
    }

    static double area(Shape shape) {
        return switch (shape) {
            case Circle(double radius) -> Math.PI * radius * radius;
            case Square(double side) -> side * side;
        };
    }

    public static void main(String[] args) {
        var start = Instant.now();
        var done = new AtomicInteger();
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 10_000; i++) {
                executor.submit(() -> {
                    Thread.sleep(Duration.ofMillis(200));
                    return done.incrementAndGet();
                });
            }
        }
        System.out.printf("%d threads slept 200 ms each, all in %d ms%n", done.get(),
                Duration.between(start, Instant.now()).toMillis());
        System.out.printf("areas: %.2f %.2f%n", area(new Circle(1)), area(new Square(2)));
    }
}
