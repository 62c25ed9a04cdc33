import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class MainTest {
    @Test
    public void answers() {
        assertEquals(42, Main.answer());
    }
}
