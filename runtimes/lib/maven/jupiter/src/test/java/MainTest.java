import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class MainTest {
    @Test
    void answers() {
        assertEquals(42, Main.answer());
    }
}
