// Expressions of pictures by face-api and human, in one thread of WebAssembly; asked by benchmarks/peers.py.
//
//   node faces.js PICTURES N SIDE        PICTURES: N grey pictures of SIDE x SIDE bytes, one after the other; prints a line of JSON
const fs = require("fs");
const path = require("path");
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");

const modules = path.join(process.cwd(), "node_modules");
const [file, n, side] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const bytes = fs.readFileSync(file);
const picture = (i) => tf.tensor3d(new Float32Array(bytes.subarray(i * side * side, (i + 1) * side * side)), [side, side, 1]);

async function timed(labels, said) {
  await said(0); await said(1);                                   // compiled and cached
  const out = [], before = process.cpuUsage();
  for (let i = 0; i < n; i++) out.push(Array.from(await said(i)));
  const used = process.cpuUsage(before);
  return { labels, ms: (used.user + used.system) / 1000 / n, probabilities: out };
}

async function main() {
  wasm.setWasmPaths(path.join(modules, "@tensorflow/tfjs-backend-wasm/dist/"));
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  await tf.ready();

  const faceapi = require("@vladmandic/face-api/dist/face-api.node-wasm.js");
  await faceapi.tf.setBackend("wasm");
  await faceapi.tf.ready();
  await faceapi.nets.faceExpressionNet.loadFromDisk(path.join(modules, "@vladmandic/face-api/model"));
  const names = ["neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise"];
  const api = await timed(names, async (i) => {
    const x = faceapi.tf.tidy(() => picture(i).tile([1, 1, 3]));
    const said = await faceapi.nets.faceExpressionNet.predictExpressions(x);
    return ["neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised"].map((k) => said[k]);
  });

  const folder = path.join(modules, "@vladmandic/human/models");
  const stated = JSON.parse(fs.readFileSync(path.join(folder, "emotion.json")));
  const weights = fs.readFileSync(path.join(folder, "emotion.bin"));
  const model = await tf.loadGraphModel({ load: async () => ({
    modelTopology: stated.modelTopology, weightSpecs: stated.weightsManifest[0].weights,
    weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength), format: stated.format,
  }) });
  const size = model.inputs[0].shape[1], rgb = model.inputs[0].shape[3] === 3;
  const human = await timed(rgb ? ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    : ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"], async (i) => {
    const said = tf.tidy(() => {
      const resized = tf.image.resizeBilinear(picture(i), [size, size]).expandDims(0);
      return model.execute(rgb ? resized.tile([1, 1, 1, 3]).sub([103.939, 116.779, 123.68]) : resized.div(255).sub(0.5).mul(2));
    });
    const values = await said.data();
    said.dispose();
    return values;
  });
  console.log(JSON.stringify({ "face-api": api, human }));
}
main().catch((error) => { console.error(error); process.exit(1); });
