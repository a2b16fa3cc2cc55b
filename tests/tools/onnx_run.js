// onnx_run.js MODEL FOLDER DIMS... - FOLDER/input.bin through MODEL by ONNX Runtime (npm's onnxruntime-node, found by NODE_PATH);
// each output into FOLDER/NAME.got.bin. Status 77: it is not installed.
const fs = require('fs');
const [model, folder, ...dims] = process.argv.slice(2);
let runtime;
try {
    runtime = require('onnxruntime-node');
} catch (missing) {
    process.exit(77);
}
async function main() {
    const session = await runtime.InferenceSession.create(model);
    const bytes = fs.readFileSync(folder + '/input.bin');
    const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const out = await session.run({images: new runtime.Tensor('float32', numbers, dims.map(Number))});
    for (const name of Object.keys(out)) {
        const data = out[name].data;
        fs.writeFileSync(folder + '/' + name + '.got.bin', Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    }
}
main().catch(function (problem) {
    console.error(String(problem));
    process.exit(1);
});
