export default function h(req, res) { res.json({ mjs: true }) }
