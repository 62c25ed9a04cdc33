// rnx run --runtime=nodejs-18 --upload=server.js node server.js
//
// A web service. With --try it asks itself once and ends, which needs no network.

const express = require('express');

const app = express();
app.get('/hello/:name', (request, response) => response.json({ hello: request.params.name }));

const server = app.listen(process.env.PORT || 3000, () => {
        const { port } = server.address();
        console.log(`listening on port ${port}`);
        if (process.argv.includes('--try'))
                fetch(`http://127.0.0.1:${port}/hello/joblet`)
                        .then((response) => response.text())
                        .then((text) => {
                                console.log(text);
                                server.close();
                        });
});
